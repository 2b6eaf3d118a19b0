"""The controller's clock: ticks at absolute times, and how late they were."""

import logging
import os
import time

import numpy as np

TICK_NS = 2_000_000
"""Source: RTDE guide (500 Hz, e-Series)."""
CATCH_UP_TICKS = 10
"""A host that stalls longer (20 ms) makes the emulated time stand still meanwhile. Own choice:
shorter than any watchdog, so that a stall of the host never looks like a client's death."""
_RANGE_US = 20_000

_LOG = logging.getLogger(__name__)


def become_real_time(priority: int) -> None:
    """Run before every ordinary process, where the operating system permits it.

    Args:
        priority: SCHED_FIFO priority, 1 to 99; 0 leaves everything as it is.
    """
    if not priority:
        return
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except PermissionError:
        _LOG.info('SCHED_FIFO priority %d is not permitted: ticks may be late on a busy machine',
                  priority)


class Pacing:
    """Sleeps to the next tick and counts lateness in whole microseconds."""

    def __init__(self) -> None:
        """Let the first tick be now."""
        self.ticks = 0
        self.skipped_ticks = 0
        self._lateness_us = [0] * (_RANGE_US + 1)
        self._begin_ns = self._next_ns = time.monotonic_ns()
        self._begin_cpu_ns = time.process_time_ns()

    def wait(self) -> None:
        """Return at the next tick; at once if it is past."""
        now_ns = time.monotonic_ns()
        if now_ns < self._next_ns:
            time.sleep((self._next_ns - now_ns) * 1e-9)
            now_ns = time.monotonic_ns()
        late_ns = now_ns - self._next_ns
        self._lateness_us[min(late_ns // 1000, _RANGE_US)] += 1
        if late_ns > CATCH_UP_TICKS * TICK_NS:
            skipped = late_ns // TICK_NS
            self.skipped_ticks += skipped
            self._next_ns += skipped * TICK_NS
        self._next_ns += TICK_NS
        self.ticks += 1

    def summary(self) -> str:
        """Return one line: ticks, lateness, share of one core used by this process."""
        counts = np.cumsum(self._lateness_us)
        shares = (0.5, 0.99, 0.999, 1.0)
        p50, p99, p999, largest = (
            int(np.searchsorted(counts, share * counts[-1])) for share in shares
        )
        elapsed_ns = max(time.monotonic_ns() - self._begin_ns, 1)
        used_ns = time.process_time_ns() - self._begin_cpu_ns
        return (
            f'{self.ticks} ticks of 2 ms; lateness p50 {p50} us, p99 {p99} us, p99.9 {p999} us, '
            f'max {largest} us; {self.skipped_ticks} ticks skipped; '
            f'{100.0 * used_ns / elapsed_ns:.0f} % of a core'
        )
