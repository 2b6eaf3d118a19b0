"""Cause every fault of the fault matrix, several times, and judge what the stack does.

Ctrl-C (or SIGTERM) stops and prints what there is; --resume goes on with the trials that are not
in the output yet. The page in docs is made of the output in the end.
"""

import dataclasses
import fnmatch
import os
from pathlib import Path
import random
import signal
import sys
import tempfile
import time
from types import FrameType

from fault_matrix import files
from fault_matrix.case import Case
from fault_matrix.cases import CASES
from fault_matrix.driver_node import Driver
from fault_matrix.page import page, summary
from fault_matrix.rigged_bundle import rig
from fault_matrix.stage import Stage
from fault_matrix.trial import Result, Trials
from perl_bringup import paths
from perl_bringup.runner import environment_of_stack
from perl_core.errors import ConfigError, PerlError, RobotError
from perl_safety.limits import load_limits
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
import tyro

LAST_FREE_DOMAIN = 101
"""Above it, the ports of a ROS domain collide with Linux's ephemeral ports."""

MAX_DISTURBED = 3
"""So often a trial is done at most, if a busy machine spoils it."""

MAX_BROKEN_OFF = 5
"""More in a row is no finding but a machine that cannot run the stack."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Args:
    """Which trials to do."""

    repeat: int = 3
    """Trials of each fault."""
    only: tuple[str, ...] = ()
    """Names of faults, or patterns like 'RTDE*'; all if left out."""
    seed: int = 0
    """Of all that is left to chance."""
    address: str = '127.0.0.77'
    """Of the emulated arm."""
    output: Path = Path('results/faults/trials.jsonl')
    """Raw figures, one trial a line."""
    page: Path = Path('docs/fault_matrix.md')
    """Made of all figures in the output."""
    keep: Path | None = None
    """Folder for bags and logs; without it they are deleted at the end."""
    resume: bool = False
    """Skip the trials that are in the output already; otherwise it is begun anew."""
    list: bool = False
    """Print the names of all faults and do nothing."""


def chosen(args: Args) -> list[Case]:
    """Return the faults that were asked for.

    Raises:
        ConfigError: a name fits none.
    """
    for pattern in args.only:
        if not any(fnmatch.fnmatch(case.name, pattern) for case in CASES):
            raise ConfigError(f'no fault is called {pattern!r}; --list shows all {len(CASES)}')
    return [case for case in CASES
            if not args.only or any(fnmatch.fnmatch(case.name, p) for p in args.only)]


def run(args: Args, console: Console) -> bool:
    """Do the trials that are still to do; return whether all bars hold."""
    if not args.resume:
        args.output.unlink(missing_ok=True)
    done = {(r.name, r.number, r.seed) for r in files.read(args.output)}
    cases = chosen(args)
    todo = [(case, number) for case in cases for number in range(args.repeat)
            if (case.name, number, args.seed) not in done]
    os.environ.setdefault('ROS_DOMAIN_ID', str(random.randint(1, LAST_FREE_DOMAIN)))
    os.environ.update(environment_of_stack(os.environ))
    try:
        _do(args, todo, console)
    except KeyboardInterrupt:
        console.print('interrupted; --resume goes on from here', style='yellow')
    wanted = {case.name for case in cases}
    results = [r for r in files.read(args.output) if r.name in wanted and r.seed == args.seed]
    args.page.parent.mkdir(parents=True, exist_ok=True)
    args.page.write_text(page(files.read(args.output)), encoding='utf-8')
    _show(results, console)
    complete = len(results) >= len(cases) * args.repeat
    return complete and all(result.passed for result in results)


def _do(args: Args, todo: list[tuple[Case, int]], console: Console) -> None:
    with tempfile.TemporaryDirectory(prefix='perl_faults_') as scratch:
        folder = (args.keep or Path(scratch)) / time.strftime('%Y%m%d_%H%M%S')
        rigged = rig(paths.shipped_bundle(), folder / 'rigged')
        with (
            Stage(args.address, folder) as stage, Driver() as driver, _bar(console) as bar,
        ):
            trials = Trials(stage, driver, load_limits(), str(rigged))
            task, broken_off = bar.add_task('faults', total=len(todo), note=''), 0
            for case, number in todo:
                bar.update(task, note=f'{case.name} {number + 1}')
                began_s = time.monotonic()
                result = _undisturbed(trials, case, number, args.seed)
                broken_off = 0 if result.restarted else broken_off + 1
                if broken_off > MAX_BROKEN_OFF:
                    raise RobotError(f'trials break off one after the other: {result.failures}')
                files.append(args.output, result, folder)
                bar.update(task, advance=1)
                bar.console.print(
                    _line(result, time.monotonic() - began_s), markup=False, soft_wrap=True,
                    style='' if result.passed else 'red')
            for sentence in trials.finish():
                bar.console.print(f'bag: {sentence}', style='red')


def _undisturbed(trials: Trials, case: Case, number: int, seed: int) -> Result:
    """Return a trial that the machine did not spoil, or the last of several."""
    for disturbed in range(MAX_DISTURBED):  # noqa: B007
        result = trials.run(case, number, seed)
        if not result.spoilt or case.lates_arm:
            break
    return dataclasses.replace(result, disturbed=disturbed)


def _line(result: Result, took_s: float) -> str:
    times = '' if result.stopped_s is None else (
        f'stood after {result.stopped_s:.3f} s of {result.bar_s or 0.0:.3f} s; ')
    verdict = 'ok' if result.passed else '; '.join(result.failures)
    said = f'{times}{result.reason[:80]} ({took_s:.1f} s)'
    return f'{result.name} {result.number + 1}: {said} {verdict}'


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn('{task.fields[note]}'), console=console, transient=True,
        disable=not console.is_terminal,
    )


def _show(results: list[Result], console: Console) -> None:
    console.print(summary(results), markup=False)
    for result in results:
        if not result.passed:
            console.print(f'  {result.name}, trial {result.number + 1}: '
                          f'{"; ".join(result.failures)}', markup=False, style='red')


def main() -> int:
    """Run the matrix; return 0 if every trial was done and every bar holds."""
    args = tyro.cli(Args, description=__doc__)
    console = Console(stderr=True, highlight=False)
    signal.signal(signal.SIGTERM, _interrupt)
    if args.list:
        sys.stdout.write(''.join(f'{case.name}: {case.what}\n' for case in CASES))
        return 0
    try:
        return 0 if run(args, console) else 1
    except PerlError as error:
        console.print(f'faults: {error}', markup=False, style='bold red')
        return 1


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == '__main__':
    sys.exit(main())
