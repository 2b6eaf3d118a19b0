"""Measure the emulator in real time: ``make bench-emulator``.

Three RTDE clients at 500 Hz, one of which drives the arm with servoJ, and a bare loop that sleeps
to absolute times, all at once. Run it alone: it measures the machine as well.
"""

import argparse
import contextlib
import dataclasses
import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

import numpy as np
from perl_core.errors import PerlError, RobotError
from perl_sim.ur_controller.motions import TICK_S
from rich.console import Console
from rich.table import Table

CLIENTS = ('drive', 'read', 'read')
"""Roles of the three clients."""
AGE_LIMIT_S = 2.0 * TICK_S
"""A package is old beyond two cycles."""
OLD_SHARE_LIMIT = 0.001
"""Share of the time in which the newest package may be old, beyond that of the bare loop."""
CPU_LIMIT = 0.5
"""Share of one core that the emulator may use."""
OFFSET_WINDOW_S = 1.0
"""Over which the fastest package says how the clocks stand to each other. Own choice: shorter than
a drift, longer than a burst of late packages."""
WARM_UP_S = 0.5
"""Left out at the beginning: connections are made, the arm gets going."""
DEFAULT_ADDRESS = '127.0.0.99'


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ages:
    """How old the newest package was, as one process saw it."""

    packages: int
    """How many came."""
    p50_us: float
    """Half of the packages were at most so late."""
    p999_us: float
    """999 of 1000 packages were at most so late."""
    max_us: float
    """The latest."""
    old_share: float
    """Share of the time in which the newest package was older than two cycles."""


def ages(times_s: np.ndarray, timestamps_s: np.ndarray) -> Ages:
    """Return how old the newest package was over time.

    Args:
        times_s: when each package came, shape (n,).
        timestamps_s: when it was made, by the sender's clock, shape (n,).
    """
    late_s = times_s - timestamps_s
    windows = ((times_s - times_s[0]) / OFFSET_WINDOW_S).astype(int)
    starts = np.flatnonzero(np.diff(windows, prepend=-1))
    late_s = late_s - np.minimum.reduceat(late_s, starts)[np.searchsorted(
        starts, np.arange(len(late_s)), side='right') - 1]
    # From its arrival on a package ages until the next one comes.
    old_from_s = np.maximum(times_s, times_s - late_s + AGE_LIMIT_S)[:-1]
    old_s = np.maximum(0.0, times_s[1:] - old_from_s)
    p50, p999, largest = np.quantile(late_s, (0.5, 0.999, 1.0)) * 1e6
    return Ages(packages=len(times_s), p50_us=p50, p999_us=p999, max_us=largest,
                old_share=float(old_s.sum() / (times_s[-1] - times_s[0])))


def cpu_time_s(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    user, system = int(fields[11]), int(fields[12])  # proc(5): utime, stime.
    return (user + system) / os.sysconf('SC_CLK_TCK')


def _start(running: contextlib.ExitStack, module: str, *options: str) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, '-m', f'{__package__}{module}', *options], stdout=subprocess.PIPE)
    running.callback(_end, process)
    return process


def _end(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGTERM)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _arrivals(process: subprocess.Popen) -> np.ndarray:
    out, _ = process.communicate()
    if process.returncode:
        raise RobotError(f'a process of the bench failed with status {process.returncode}')
    return np.frombuffer(out).reshape(-1, 2)


def in_common(arrivals: dict[str, np.ndarray]) -> dict[str, Ages]:
    """Return the ages of the time in which all were there, the warm-up left out."""
    begin_s = max(seen[0, 0] for seen in arrivals.values()) + WARM_UP_S
    end_s = min(seen[-1, 0] for seen in arrivals.values())
    if begin_s >= end_s:
        raise RobotError('the processes of the bench never ran all at once; give more --seconds')
    return {name: ages(*seen[(seen[:, 0] > begin_s) & (seen[:, 0] <= end_s)].T)
            for name, seen in arrivals.items()}


def run_bench(address: str, lasting_s: float, priority: int) -> tuple[dict[str, Ages], float]:
    """Run all processes, and return what each saw and the emulator's share of a core."""
    with contextlib.ExitStack() as running:
        emulator = _start(running, '', '--address', address, '--priority', str(priority),
                          '--no-status')
        if not emulator.stdout or not emulator.stdout.readline().startswith(b'ready'):
            raise RobotError(f'the emulator did not start at {address}')
        before_s, begin_s = cpu_time_s(emulator.pid), time.monotonic()
        common = ('--address', address, '--seconds', str(lasting_s), '--priority', str(priority))
        processes = {'bare loop': _start(running, '.bench_client', 'idle', *common)}
        for number, role in enumerate(CLIENTS, start=1):
            name = f'client {number} ({role}s)'
            processes[name] = _start(running, '.bench_client', role, *common)
        arrivals = {name: _arrivals(process) for name, process in processes.items()}
        cpu_share = (cpu_time_s(emulator.pid) - before_s) / (time.monotonic() - begin_s)
    return in_common(arrivals), cpu_share


def bars(results: dict[str, Ages], cpu_share: float) -> dict[str, bool]:
    """Return which bars were held."""
    limit = results['bare loop'].old_share + OLD_SHARE_LIMIT
    worst = max(seen.old_share for seen in results.values())
    return {'no old package': worst <= limit, 'processor time': cpu_share < CPU_LIMIT}


def _table(results: dict[str, Ages], cpu_share: float) -> Table:
    table = Table(title='How late packages come, and how long the newest is older than 2 cycles')
    for column in ('', 'packages', 'p50 us', 'p99.9 us', 'max us', 'time older'):
        table.add_column(column, justify='left' if not column else 'right')
    for name, seen in results.items():
        table.add_row(name, str(seen.packages), f'{seen.p50_us:.0f}', f'{seen.p999_us:.0f}',
                      f'{seen.max_us:.0f}', f'{100.0 * seen.old_share:.3f} %')
    table.caption = f'The emulator uses {100.0 * cpu_share:.0f} % of a core.'
    return table


def main(arguments: list[str] | None = None) -> int:
    """Measure, print a table and one line of JSON; return 0 if all bars were held."""
    parser = argparse.ArgumentParser(
        prog='bench', description='Measure the emulator in real time; run it alone.')
    parser.add_argument('--address', default=DEFAULT_ADDRESS,
                        help=f'of the emulator that is started (default {DEFAULT_ADDRESS})')
    parser.add_argument('--seconds', type=float, default=20.0, help='how long (default 20)')
    parser.add_argument('--priority', type=int, choices=range(100), default=50, metavar='0..99',
                        help='real-time priority of all processes, where permitted (default 50)')
    options = parser.parse_args(arguments)
    try:
        results, cpu_share = run_bench(options.address, options.seconds, options.priority)
    except PerlError as error:
        sys.stderr.write(f'bench: {error}\n')
        return 2
    held = bars(results, cpu_share)
    Console().print(_table(results, cpu_share))
    sys.stdout.write(json.dumps({
        'held': held, 'cpu_share': round(cpu_share, 3),
        **{name: dataclasses.asdict(seen) for name, seen in results.items()},
    }) + '\n')
    return 0 if all(held.values()) else 1


if __name__ == '__main__':
    sys.exit(main())
