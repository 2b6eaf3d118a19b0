"""Compare the time of every kind of network with a plain ``nn.Sequential`` MLP of the same width.

One thread, one run, in turns: each round takes one step of every network, and the ratio to the
plain one is that of the same round. Time is CPU time of the thread, so that other programs on the
machine count as little as can be.
"""

from collections.abc import Callable
import dataclasses
import json
import sys

from benchmark_timing import Step, measure, median_and_interval, ratio_and_interval
from perl_core.layers import Kind, NetworkShape, folded, network
from perl_core.symmetry import group_named, vector
import torch
from torch import nn
import tyro

INPUTS, OUTPUTS = 24, 6
"""Entries, all of them vectors: 8 and 2 in space, 12 and 3 in the plane."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Args:
    """What to measure."""

    width: int = 256
    """Units in each of the two hidden layers."""
    batch: int = 256
    """Rows of a batch."""
    rounds: int = 400
    """Each takes one step of every network; the order changes from round to round."""
    warm_up: int = 20
    """Rounds before, not measured."""
    seed: int = 0
    """Of weights, inputs and orders."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """A network and what it may cost."""

    group: str
    """Name of the symmetry group."""
    kind: Kind
    """How far the network is bound to it."""
    bar: float | None = None
    """Largest ratio to the plain network; None where there is no promise."""


TRAINING = (
    Row(group='Z2', kind='equivariant', bar=1.1),
    Row(group='C4', kind='equivariant', bar=1.1),
    Row(group='D4', kind='equivariant', bar=1.1),
    Row(group='C4', kind='residual', bar=1.5),
    Row(group='D4', kind='residual', bar=1.5),
    Row(group='C4', kind='relaxed'),
    Row(group='SO2', kind='equivariant'),
    Row(group='O2', kind='equivariant'),
    Row(group='SO3', kind='equivariant', bar=2.0),
    Row(group='O3', kind='equivariant'),
    Row(group='SO3', kind='residual'),
)
INFERENCE = (
    Row(group='C4', kind='equivariant', bar=1.1),
    Row(group='D4', kind='residual', bar=1.1),
    Row(group='C4', kind='relaxed', bar=1.1),
    Row(group='SO3', kind='equivariant'),
)


def build(row: Row, width: int) -> nn.Sequential:
    """Return the row's network, from INPUTS to OUTPUTS entries."""
    one = vector(group_named(row.group))
    ends = (INPUTS // one.size) * one, (OUTPUTS // one.size) * one
    return network(row.kind, *ends, NetworkShape(width=width))


def plain(width: int) -> nn.Sequential:
    """Return what every network is compared with."""
    return nn.Sequential(
        nn.Linear(INPUTS, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(),
        nn.Linear(width, OUTPUTS),
    )  # fmt: skip


def training_step(module: nn.Module, batch: int) -> Step:
    """Return a function that takes one step of Adam on a squared error."""
    optimiser = torch.optim.Adam(module.parameters(), lr=1e-4, fused=True)
    inputs, targets = torch.randn(batch, INPUTS), torch.randn(batch, OUTPUTS)

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        (module(inputs) - targets).square().mean().backward()
        optimiser.step()

    return step


def inference_step(module: nn.Sequential, batch: int) -> Step:
    """Return a function that runs the folded network once."""
    inputs, module = torch.randn(batch, INPUTS), folded(module)

    @torch.no_grad()
    def step() -> torch.Tensor:
        return module(inputs)

    return step


def compare(
    title: str, rows: tuple[Row, ...], make: Callable[[nn.Sequential, int], Step], args: Args
) -> list[dict[str, object]]:
    """Measure the rows, print them, and return them."""
    steps = {'plain': make(plain(args.width), args.batch)}
    steps |= {f'{r.group} {r.kind}': make(build(r, args.width), args.batch) for r in rows}
    seconds = measure(steps, args.warm_up, args.rounds, args.seed)
    milliseconds, *_ = median_and_interval(seconds['plain'])
    sys.stdout.write(f'{title}\n  {"plain":20} {milliseconds * 1e3:7.3f} ms\n')
    results = []
    for row in rows:
        taken = seconds[f'{row.group} {row.kind}']
        ratio, low, high = ratio_and_interval(taken, seconds['plain'])
        result = {
            'what': title, 'group': row.group, 'kind': row.kind,
            'milliseconds': round(median_and_interval(taken)[0] * 1e3, 4),
            'ratio': round(ratio, 3), 'low': round(low, 3), 'high': round(high, 3),
            'bar': row.bar, 'is_met': row.bar is None or ratio <= row.bar,
        }  # fmt: skip
        results.append(result)
        verdict = 'ok' if result['is_met'] else 'MISSED'
        bar = '' if row.bar is None else f'at most {row.bar}  {verdict}'
        sys.stdout.write(
            f'  {row.group:4}{row.kind:16} {result["milliseconds"]:7.3f} ms  '
            f'{ratio:5.2f} x [{low:.2f}, {high:.2f}]  {bar}\n'
        )
    return results


def main(args: Args) -> int:
    """Print both tables and, last, one line of JSON; return 1 if a bar was missed."""
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    results = [
        *compare('training', TRAINING, training_step, args),
        *compare('inference, folded', INFERENCE, inference_step, args),
    ]
    is_met = all(result['is_met'] for result in results)
    sys.stdout.write(json.dumps({'is_met': is_met, 'rows': results}) + '\n')
    return 0 if is_met else 1


if __name__ == '__main__':
    sys.exit(main(tyro.cli(Args)))
