"""What a run leaves when a number stops being one: everything the last update had before it.

``python -m perl_core.training_black_box RUN/black-box-<step>`` says where it began to look wrong.
The folder holds ``batch.safetensors`` (what was learned from), ``agent.safetensors`` (parameters,
optimisers and random generators after the update) and ``black_box.json`` (what was logged last).
"""

import argparse
from collections.abc import Iterable, Sequence
import json
import math
from pathlib import Path
import sys
from typing import Any, NamedTuple

from perl_core.agents.pe_sac import PESAC
from perl_core.checkpoint import learning_state, read_json, read_tensors
from perl_core.durable import whole_folder, write_tensors
from perl_core.errors import PerlError
from perl_core.replay import Batch
import torch

_BATCH, _AGENT, _LOG = 'batch.safetensors', 'agent.safetensors', 'black_box.json'


class Moment(NamedTuple):
    """When and what."""

    step: int
    """Of the run."""
    reason: str
    """Which numbers went wrong."""
    infos: Sequence[tuple[int, dict[str, float]]]
    """The last steps and what was logged there, oldest first."""


def write_black_box(
    run_folder: Path, agent: PESAC, batch: Batch | None, moment: Moment
) -> Path:
    """Write a black box into a run's folder.

    Args:
        run_folder: of the run.
        agent: after the update.
        batch: what it learned from; None if the environment was at fault.
        moment: when and what.

    Returns:
        The new folder.
    """
    target = run_folder / f'black-box-{moment.step:09d}'
    with whole_folder(target) as folder:
        rows = {} if batch is None else batch._asdict()
        write_tensors(folder / _BATCH, rows)
        write_tensors(folder / _AGENT, learning_state(agent))
        infos = [{'step': step} | _plain(info) for step, info in moment.infos]
        text = {'step': moment.step, 'reason': moment.reason, 'infos': infos}
        (folder / _LOG).write_text(json.dumps(text, allow_nan=False) + '\n', encoding='utf-8')
    return target


def _plain(info: dict[str, float]) -> dict[str, float | str]:
    """Return numbers as JSON knows them, and the others by name: 'nan', 'inf'."""
    values = {name: float(value) for name, value in info.items()}
    return {n: v if math.isfinite(v) else repr(v) for n, v in values.items()}


def describe(folder: Path) -> Iterable[str]:
    """Yield lines on what is wrong in a black box.

    Raises:
        CheckpointError: it cannot be read.
    """
    log = read_json(folder / _LOG)
    yield f'step {log["step"]}: {log["reason"]}'
    yield ''
    for title, file in (('batch', _BATCH), ('agent', _AGENT)):
        tensors = {
            name: value for name, value in read_tensors(folder / file).items()
            if value.is_floating_point() and value.numel()
        }  # fmt: skip
        bad = [name for name, value in tensors.items() if not value.isfinite().all()]
        yield f'{title}: {len(tensors)} tensors, {len(bad)} with NaN or infinite entries'
        shown = bad or sorted(tensors, key=lambda name: -float(tensors[name].abs().max()))[:5]
        yield from (f'  {name}: {_of(tensors[name])}' for name in shown)
    yield ''
    yield from _history(log['infos'])


def _of(tensor: torch.Tensor) -> str:
    finite = tensor[tensor.isfinite()]
    largest = f'{float(finite.abs().max()):.3g}' if len(finite) else 'none'
    count = tensor.numel() - len(finite)
    return f'shape {tuple(tensor.shape)}, {count} not finite, largest finite magnitude {largest}'


def _history(infos: list[dict[str, Any]]) -> Iterable[str]:
    if not infos:
        return
    rows = infos[-5:]
    yield f'last updates, at the steps {[row["step"] for row in rows]}:'
    for name in rows[-1]:
        if name != 'step':
            values = (row.get(name, '-') for row in rows)
            shown = (f'{v:.4g}' if isinstance(v, float) else str(v) for v in values)
            yield f'  {name}: {", ".join(shown)}'


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what a black box holds."""
    parser = argparse.ArgumentParser(description='Say what a run left when a loss became NaN.')
    parser.add_argument('folder', type=Path, help='RUN/black-box-<step>')
    try:
        lines = list(describe(parser.parse_args(arguments).folder))
    except PerlError as error:
        sys.exit(f'error: {error}')
    sys.stdout.write('\n'.join(lines) + '\n')


if __name__ == '__main__':
    main()
