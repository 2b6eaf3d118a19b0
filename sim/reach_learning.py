"""Run the learning experiment on the arm: agents, ablations and settings, seed by seed.

Finished runs are skipped and interrupted ones go on, so the same command always continues. Ctrl-C
(or SIGTERM) stops and prints what there is. `make results` makes tables and pictures of it.

    python sim/reach_learning.py --workers 2                       # all, what matters most first
    python sim/reach_learning.py --workers 2 --only pe sac --seeds 0-4 --tasks bins
"""

import dataclasses
from functools import partial
from pathlib import Path
import sys

from experiment.computing import Place, compute
from experiment.runs import present_origin
from perl_core.errors import ConfigError, PerlError
from perl_sim.envs.reach_config import TaskName
from reach_experiment.files import ReachRunFiles
from reach_experiment.plan import Plan, planned_runs
from reach_experiment.running import do_run
from reach_experiment.showing import summary
from rich.console import Console
import tyro


@dataclasses.dataclass(frozen=True, kw_only=True)
class Args:
    """Which runs to do, and where."""

    output: Path = Path('results/reach/raw')
    """Folder of the figures: <task>--<trial>--seed-<n>.csv and .json."""
    runs: Path = Path('runs/reach')
    """Folder of run folders: checkpoints, TensorBoard, the best agent."""
    only: tuple[str, ...] = ()
    """Agents, ablations and settings by name; all of the experiment if left out."""
    seeds: str = ''
    """Seeds, as 0-4 or 0,2,3; those of the experiment if left out."""
    tasks: tuple[TaskName, ...] = ('bins', 'open')
    """Tasks."""
    workers: int = 1
    """Processes on this machine, each with one thread."""
    list: bool = False
    """Only show which runs there are and how far they have come."""
    ray: bool = False
    """Compute on a Ray cluster instead (extra 'cluster'); both folders must then be shared."""
    ray_address: str | None = None
    """Of the cluster, 'auto' for the one around; a local one is started if left out."""
    plan: Plan = dataclasses.field(default_factory=Plan)
    """What all runs have in common."""


def parsed_seeds(text: str) -> tuple[int, ...]:
    """Return the seeds that a text names.

    Raises:
        ConfigError: it names none.
    """
    seeds: list[int] = []
    try:
        for part in filter(None, text.split(',')):
            first, _, last = part.partition('-')
            seeds += range(int(first), int(last or first) + 1)
    except ValueError as error:
        raise ConfigError(f'--seeds must be like 0-4 or 0,2,3; got {text!r}') from error
    return tuple(seeds)


def main(args: Args) -> int:
    """Run the experiment; return the exit code."""
    runs = planned_runs(args.plan, args.only, args.tasks, parsed_seeds(args.seeds))
    args.output.mkdir(parents=True, exist_ok=True)
    raw, folders = args.output.resolve(), args.runs.resolve()
    files = [ReachRunFiles(raw, folders, run) for run in runs]
    if args.list:
        Console().print(summary(files))
        return 0
    work = partial(do_run, raw=raw, runs=folders, origin=present_origin())
    outcome = compute(files, work, Place(args.workers, args.ray, args.ray_address))
    Console().print(summary(files))
    return outcome.report()


if __name__ == '__main__':
    try:
        sys.exit(main(tyro.cli(Args)))
    except PerlError as error:
        sys.exit(f'error: {error}')
