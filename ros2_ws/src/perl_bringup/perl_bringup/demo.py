"""``python -m perl_bringup.demo``: goals for the emulated arm, and a report of its bag."""

import argparse
from collections.abc import Callable, Sequence
import json
import math
import os
from pathlib import Path
import random
import sys
import time

from perl_core.errors import PerlError, RobotError
from perl_replay.evaluation import EvaluationOptions
from perl_replay.page.files import beside
from perl_replay.page.making import evaluate_to_page
from perl_replay.report import print_summary
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from perl_bringup.arguments import EMULATED_ROBOT_IP
from perl_bringup.claim import Claim
from perl_bringup.reach_client_node import Feedback, ReachClient, ReachReport
from perl_bringup.reach_goals import ReachGoal, draw_goals
from perl_bringup.runner import Ending, Runner, environment_of_stack, signals_end
from perl_bringup.stack import resolve

ARMED_TIMEOUT_S = 60.0
LAST_FREE_DOMAIN = 101
"""Above it, the ports of a ROS domain collide with Linux's ephemeral ports."""


def main() -> int:
    """Run the demo; return 0 if every goal was reached and nothing stopped."""
    options = _parser().parse_args()
    os.environ.setdefault('ROS_DOMAIN_ID', str(random.randint(1, LAST_FREE_DOMAIN)))
    os.environ.update(environment_of_stack(os.environ))
    console = Console(stderr=True, highlight=False)
    try:
        return _run(options, console)
    except PerlError as error:
        _say(console, f'demo: {error}', style='bold red')
        return 1


def _run(options: argparse.Namespace, console: Console) -> int:
    bag = (options.bag or Path('bags') / time.strftime('demo_%Y%m%d_%H%M%S')).absolute()
    specs = resolve(
        {
            'use_mock_hardware': 'true',
            'robot_ip': options.address,
            'bundle': options.bundle or '',
            'record': 'true',
            'bag': str(bag),
        }
    )
    claim = Claim(options.address, os.environ)
    _say(console, f'drawing {options.goals} goals')
    goals = draw_goals(options.goals, options.seed)
    bag.parent.mkdir(parents=True, exist_ok=True)
    log = bag.with_name(bag.name + '.log')
    with log.open('w') as output:
        runner = Runner(specs, os.environ, output=output)
        with signals_end(runner):
            with runner:
                ending = _try_goals(runner, goals, console)
            _say(console, 'stopped; reading the bag')
    claim.release()
    return _judge(bag, log, ending, console)


def _try_goals(runner: Runner, goals: Sequence[ReachGoal], console: Console) -> Ending | None:
    """Return why not all goals were sent, or None; what was recorded until then is judged."""
    try:
        return _send_goals(runner, goals, console)
    except RobotError as error:
        return Ending(str(error), 1)


def _send_goals(runner: Runner, goals: Sequence[ReachGoal], console: Console) -> Ending | None:
    """Return why the stack ended before the goals did, or None.

    Between two goals the arm goes home: each goal was drawn for an arm that comes from there.
    """
    _say(console, 'starting the emulated arm, recorder, monitor and controller')
    if runner.start() is not None:
        return runner.poll()
    with ReachClient(lambda: runner.poll() is not None) as client:
        if not client.wait_until_armed(ARMED_TIMEOUT_S):
            return runner.poll()
        with _progress(console) as progress:
            task = progress.add_task('reaching', total=len(goals), note='')
            for number, goal in enumerate(goals, start=1):
                if number > 1 and client.go_home(_showing(progress, task, 'home')) is None:
                    break
                report = client.reach(goal, _showing(progress, task, 'goal'))
                if report is None:
                    break
                progress.update(task, advance=1, note='')
                _say(progress.console, _line(number, len(goals), report))
    return runner.poll()


def _showing(progress: Progress, task: TaskID, target: str) -> Callable[[Feedback], None]:
    """Return what shows the way that is left."""

    def show(feedback: Feedback) -> None:
        progress.update(task, note=f'{feedback.position_error_m * 1e3:.0f} mm to {target}')

    return show


def _judge(bag: Path, log: Path, ending: Ending | None, console: Console) -> int:
    """Write report and figures beside the bag, print the main ones, return the exit code."""
    if ending is not None:
        _say(console, f'demo: {ending.sentence}', style='bold red')
        _say(console, f'demo: what the processes said is in {log}')
        if not bag.exists():
            return 1
    # A stack that died leaves a bag without an end: what it holds is shown all the same.
    page = beside(bag)
    evaluation = evaluate_to_page(bag, EvaluationOptions(partial=True), page)
    figures = page.with_suffix('.json')
    figures.write_text(json.dumps(evaluation.to_dict(), indent=2) + '\n', 'utf-8')
    print_summary(evaluation, files={'html': page, 'json': figures})
    return 0 if evaluation.ok and ending is None else 1


def _say(console: Console, text: str, style: str = '') -> None:
    """Write one line as it is: no markup, no wrapping."""
    console.print(text, style=style, markup=False, soft_wrap=True)


def _line(number: int, count: int, report: ReachReport) -> str:
    return (
        f'goal {number:2d} of {count}: {report.outcome.lower():9s} '
        f'{report.position_error_m * 1e3:6.1f} mm {math.degrees(report.rotation_error_rad):5.1f} '
        f'deg {report.duration_s:5.2f} s  {report.message}'
    )


def _progress(console: Console) -> Progress:
    """Return a bar on a terminal; elsewhere only the lines of the goals are shown."""
    return Progress(
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn('{task.fields[note]}'),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m perl_bringup.demo',
        description='Reach goals with the emulated UR5e through the whole stack, and judge the '
        'bag that was recorded: a page and all figures are written beside it, the main figures '
        'are printed; the last line is one JSON object.',
    )
    parser.add_argument('--goals', type=int, default=20, help='how many (default 20)')
    parser.add_argument('--seed', type=int, help='of the goals (default: one no training saw)')
    parser.add_argument(
        '--address', default=EMULATED_ROBOT_IP, help='of the emulated arm (default %(default)s)'
    )
    parser.add_argument('--bag', type=Path, help='folder to record to (default bags/demo_<time>)')
    parser.add_argument('--bundle', help='folder of the policy (default: the shipped one)')
    return parser


if __name__ == '__main__':
    sys.exit(main())
