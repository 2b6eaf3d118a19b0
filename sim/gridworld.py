"""Run the grid-world experiment: every variant with every agent, all seeds of a run at once.

Finished runs are skipped and interrupted ones go on, so the same command always continues. Ctrl-C
(or SIGTERM) stops and prints what there is. `make results` makes tables and pictures of it.
"""

import dataclasses
from pathlib import Path
import shlex
import signal
import subprocess
import sys

from grid_experiment.backends import Backend, LocalProcesses, RayCluster, Work
from grid_experiment.files import RunFiles
from grid_experiment.plan import AGENTS, VARIANTS, Plan, Run, planned_runs
from grid_experiment.running import Origin
from grid_experiment.showing import Progress, summary
from perl_core.errors import ConfigError, PerlError
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


def git_hash() -> str:
    """Return the commit of the source, with '+changes' if files differ from it."""
    command = ['git', '-C', str(Path(__file__).parent), 'describe', '--always', '--abbrev=40']
    found = subprocess.run([*command, '--dirty=+changes'], capture_output=True, text=True)
    return found.stdout.strip() if found.returncode == 0 else 'unknown'


def open_backend(args: Args, runs: list[Run]) -> Backend:
    """Start computing."""
    origin = Origin(git_hash(), shlex.join(['python', *sys.argv]))
    work = Work(args.output.resolve(), origin, args.checkpoint_every_s)
    if args.ray:
        return RayCluster(runs, work, args.ray_address)
    return LocalProcesses(runs, work, args.workers)


def compute(args: Args, runs: list[Run], console: Console) -> dict[str, str]:
    """Compute the runs; return the errors of those that failed, by name."""
    errors: dict[str, str] = {}
    left = {run.name for run in runs}
    backend = open_backend(args, runs)
    try:
        with Progress(runs, args.output, console) as progress:
            while left:
                for name, error in backend.poll():
                    left.remove(name)
                    errors |= {name: error} if error else {}
                    progress.ended(name, error)
                progress.update()
    finally:
        backend.close()
    return errors


def main(args: Args) -> int:
    """Run the experiment; return the exit code."""
    if args.workers < 1:
        raise ConfigError(f'--workers must be at least 1, got {args.workers}')
    runs = planned_runs(args.plan, args.variants, args.agents)
    args.output.mkdir(parents=True, exist_ok=True)
    todo = [run for run in runs if not RunFiles(args.output, run).is_finished()]
    console = Console(stderr=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    errors, interrupted = {}, False
    try:
        if todo:
            errors = compute(args, todo, console)
    except KeyboardInterrupt:
        interrupted = True
    Console().print(summary(runs, args.output))
    for name, error in errors.items():
        sys.stderr.write(f'error in {name}: {error}\n')
    if interrupted:
        sys.stderr.write('interrupted; the same command goes on\n')
        return 130
    return 1 if errors else 0


if __name__ == '__main__':
    try:
        sys.exit(main(tyro.cli(Args)))
    except PerlError as error:
        sys.exit(f'error: {error}')
