"""``python -m perl_replay.bench``: speed and memory of an evaluation, against its bars.

A recording is repeated until it is long, and longer; both are evaluated in processes of their
own. Speed is recorded time over processor time, so what else runs on the machine matters little.
"""

import argparse
import gc
import json
from pathlib import Path
import resource
import subprocess
import sys
import tempfile
import time
from typing import Any

from perl_replay.bag_copy import Cut, copy_bag
from perl_replay.evaluation import evaluate_bag

LEAST_SPEED = 200.0
"""Times real time, on one core."""
MOST_GROWTH = 1.1
"""Peak memory of the long bag over that of the short one."""
_SHORT_S = 300.0
_LONGER = 4


def main() -> None:
    """Run the bench; exit 0 if both bars are met, 1 if not."""
    parser = argparse.ArgumentParser(prog='python -m perl_replay.bench', description=__doc__)
    parser.add_argument('bag', type=Path, metavar='BAG', help='a recording to repeat')
    parser.add_argument('--measure', action='store_true', help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        sys.stdout.write(json.dumps(_measure(arguments.bag)) + '\n')
        return
    figures = run(arguments.bag)
    sys.stdout.write(
        f'{figures["duration_s"]:.0f} s of recording in {figures["processor_s"]:.2f} s of one '
        f'core: {figures["speed"]:.0f} times real time (at least {LEAST_SPEED:.0f})\n'
        f'peak memory {figures["memory_mib"]:.1f} MiB, of {_LONGER} times the length '
        f'{figures["memory_long_mib"]:.1f} MiB: {figures["growth"]:.3f} '
        f'(at most {MOST_GROWTH})\n'
        + json.dumps(figures) + '\n'
    )
    sys.exit(0 if figures['ok'] else 1)


def run(bag: Path) -> dict[str, Any]:
    """Return speed and memory, and whether they meet the bars."""
    with tempfile.TemporaryDirectory() as folder:
        duration_s = evaluate_bag(bag).duration_s
        times = max(1, round(_SHORT_S / duration_s))
        short, long = Path(folder) / 'short', Path(folder) / 'long'
        copy_bag(bag, short, Cut(times=times))
        copy_bag(bag, long, Cut(times=_LONGER * times))
        first, second = _in_process(short), _in_process(long)
    speed = second['duration_s'] / second['processor_s']
    growth = second['memory_mib'] / first['memory_mib']
    return {
        'duration_s': second['duration_s'],
        'processor_s': second['processor_s'],
        'speed': speed,
        'memory_mib': first['memory_mib'],
        'memory_long_mib': second['memory_mib'],
        'growth': growth,
        'ok': speed >= LEAST_SPEED and growth <= MOST_GROWTH,
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
