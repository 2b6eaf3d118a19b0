"""Run the grid-world experiment: every variant with every agent, all seeds of a run at once.

Finished runs are skipped and interrupted ones go on, so the same command always continues. Ctrl-C
(or SIGTERM) stops and prints what there is. `make results` makes tables and pictures of it.
"""

import dataclasses
from functools import partial
from pathlib import Path
import sys

from experiment.computing import Place, compute
from experiment.runs import present_origin
from grid_experiment.files import GridRunFiles
from grid_experiment.plan import AGENTS, VARIANTS, Plan, planned_runs
from grid_experiment.running import do_run
from grid_experiment.showing import summary
from perl_core.errors import PerlError
from rich.console import Console
import tyro


@dataclasses.dataclass(frozen=True, kw_only=True)
class Args:
    """Which runs to do, and where."""

    output: Path = Path('results/gridworld/raw')
    """Folder of the figures: <variant>--<agent>.csv and .json."""
    variants: tuple[str, ...] = tuple(VARIANTS)
    """Variants of the world."""
    agents: tuple[str, ...] = tuple(AGENTS)
    """Agents."""
    workers: int = 1
    """Processes on this machine, each with one thread."""
    ray: bool = False
    """Compute on a Ray cluster instead (extra 'cluster'); --output must then be shared."""
    ray_address: str | None = None
    """Of the cluster, 'auto' for the one around; a local one is started if left out."""
    checkpoint_every_s: float = 20.0
    """Least time between checkpoints of a run, which are made at its evaluations."""
    plan: Plan = dataclasses.field(default_factory=Plan)
    """What all runs have in common."""


def main(args: Args) -> int:
    """Run the experiment; return the exit code."""
    runs = planned_runs(args.plan, args.variants, args.agents)
    args.output.mkdir(parents=True, exist_ok=True)
    work = partial(
        do_run, folder=args.output.resolve(), origin=present_origin(),
        checkpoint_every_s=args.checkpoint_every_s,
    )  # fmt: skip
    files = [GridRunFiles(args.output, run) for run in runs]
    outcome = compute(files, work, Place(args.workers, args.ray, args.ray_address))
    Console().print(summary(runs, args.output))
    return outcome.report()


if __name__ == '__main__':
    try:
        sys.exit(main(tyro.cli(Args)))
    except PerlError as error:
        sys.exit(f'error: {error}')
