"""``python -m perl_replay.bench``: speed and memory of an evaluation, cost and loss of recording.

A recording is repeated until it is long, and longer, with joint states at 500 Hz; both are
evaluated in processes of their own. Speed is recorded time over processor time, so what else runs
on the machine matters little. Then a recorder is fed through the middleware, and killed.
"""

import argparse
import dataclasses
import gc
import json
from pathlib import Path
import resource
import subprocess
import sys
import tempfile
import time
from typing import Any

from perl_core.errors import PerlError

from perl_replay.bag import Bag
from perl_replay.bag_copy import Cut, copy_bag
from perl_replay.bench_recorder import MOST_CORE, MOST_LOSS_S, measure_recorder
from perl_replay.evaluation import evaluate_bag
from perl_replay.topics import JOINT_STATES

LEAST_SPEED = 200.0
"""Times real time, on one core."""
MOST_GROWTH = 1.1
"""Peak memory of the long bag over that of the short one."""
_SHORT_S = 300.0
_LONGER = 4
_JOINT_RATE_HZ = 500.0
"""Of the control loop, and so the most that can be recorded."""


def main() -> None:
    """Run the bench; exit 0 if every bar is met, 1 if not."""
    arguments = _arguments()
    if arguments.measure:
        sys.stdout.write(json.dumps(_measure(arguments.bag)) + '\n')
        return
    try:
        figures = run(arguments)
    except PerlError as error:
        sys.stderr.write(f'bench: {error}\n')
        sys.exit(1)
    _show(figures)
    sys.exit(0 if figures['ok'] else 1)


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return all figures, and whether they meet the bars."""
    with tempfile.TemporaryDirectory() as folder:
        evaluation = _evaluate(arguments.bag, Path(folder), arguments.short)
        recorder = measure_recorder(Path(folder), arguments.record, arguments.kills)
    return {
        'ok': evaluation['ok'] and recorder.ok,
        'evaluation': evaluation,
        'recorder': {'ok': recorder.ok, **dataclasses.asdict(recorder)},
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='python -m perl_replay.bench', description=__doc__)
    parser.add_argument('bag', type=Path, metavar='BAG', help='a recording to repeat')
    parser.add_argument('--short', type=float, default=_SHORT_S, metavar='SECONDS',
                        help='length of the shorter repetition (default %(default)g)')
    parser.add_argument('--record', type=float, default=30.0, metavar='SECONDS',
                        help='how long the recorder is fed (default %(default)g)')
    parser.add_argument('--kills', type=int, default=5, metavar='TIMES',
                        help='how often it is killed (default %(default)d)')
    parser.add_argument('--measure', action='store_true', help=argparse.SUPPRESS)
    return parser.parse_args()


def _show(figures: dict[str, Any]) -> None:
    judged, recorded = figures['evaluation'], figures['recorder']
    losses_s = recorded['kill_losses_s']
    lines = (
        f'{judged["duration_s"]:.0f} s of recording in {judged["processor_s"]:.2f} s of one '
        f'core: {judged["speed"]:.0f} times real time (at least {LEAST_SPEED:.0f})',
        f'peak memory {judged["memory_mib"]:.1f} MiB, of {_LONGER} times the length '
        f'{judged["memory_long_mib"]:.1f} MiB: {judged["growth"]:.3f} (at most {MOST_GROWTH})',
        f'recorder: {recorded["dropped"]} of {recorded["published"]} messages dropped (none), '
        f'{100 * recorded["core"]:.1f} % of a core (below {100 * MOST_CORE:.0f} %)',
        f'killed {len(losses_s)} times: at most {max(losses_s, default=0.0):.2f} s lost '
        f'(at most {MOST_LOSS_S} s)',
        json.dumps(figures),
    )
    sys.stdout.write('\n'.join(lines) + '\n')


def _evaluate(bag: Path, folder: Path, short_s: float) -> dict[str, Any]:
    """Return speed and memory, and whether they meet the bars."""
    short, long = folder / 'short', folder / 'long'
    listed = Bag(bag)
    duration_s = (listed.end_ns - listed.start_ns) / 1e9
    joint_rate_hz = listed.topics[JOINT_STATES].messages / duration_s
    repeats = max(1, round(_JOINT_RATE_HZ / joint_rate_hz))
    times = max(1, round(short_s / duration_s))
    copy_bag(bag, short, Cut(times=times, joint_state_repeats=repeats))
    copy_bag(bag, long, Cut(times=_LONGER * times, joint_state_repeats=repeats))
    first, second = _in_process(short), _in_process(long)
    speed = second['duration_s'] / second['processor_s']
    growth = second['memory_mib'] / first['memory_mib']
    return {
        'ok': speed >= LEAST_SPEED and growth <= MOST_GROWTH,
        'duration_s': second['duration_s'],
        'processor_s': second['processor_s'],
        'speed': speed,
        'joint_rate_hz': joint_rate_hz * repeats,
        'memory_mib': first['memory_mib'],
        'memory_long_mib': second['memory_mib'],
        'growth': growth,
    }


def _in_process(bag: Path) -> dict[str, float]:
    """Measure in a process of its own, so that peak memory is that of one evaluation."""
    command = [sys.executable, '-m', 'perl_replay.bench', '--measure', str(bag)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(result.stdout)


def _measure(bag: Path) -> dict[str, float]:
    gc.freeze()  # as the command does
    begin_s = time.process_time()
    duration_s = evaluate_bag(bag).duration_s
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        'duration_s': duration_s,
        'processor_s': time.process_time() - begin_s,
        'memory_mib': peak_kib / 1024,
    }


if __name__ == '__main__':
    main()
