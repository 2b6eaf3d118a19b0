"""The controller's clock: ticks at absolute times, and how late they were."""

from collections import deque
from collections.abc import Callable
import logging
import os
import time
from typing import Protocol

import numpy as np

TICK_NS = 2_000_000
"""Source: RTDE guide (500 Hz, e-Series)."""
CATCH_UP_TICKS = 10
"""A host that stalls longer (20 ms) makes the emulated time stand still meanwhile. Own choice:
shorter than any watchdog, so that a stall of the host never looks like a client's death."""
_RANGE_US = 20_000
_IDLE_S = 0.0005
"""How long a client's clock waits before it looks for requests again. Own choice."""

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


class Clock(Protocol):
    """Decides when the controller ticks."""

    def wait(self) -> bool:
        """Wait for the next tick; return whether it came, or only the clients need an answer."""
        ...

    def summary(self) -> str:
        """Return one line on how it went."""
        ...


class FreeClock:
    """Ticks as fast as the processor can: for tests that would wait."""

    def __init__(self) -> None:
        """Let the first tick be now."""
        self.ticks = 0
        self._begin_ns = time.monotonic_ns()

    def wait(self) -> bool:
        """Return True at once."""
        self.ticks += 1
        return True

    def summary(self) -> str:
        """Return one line: ticks, and how much faster than real time."""
        elapsed_ns = max(time.monotonic_ns() - self._begin_ns, 1)
        return (f'{self.ticks} ticks of 2 ms, {self.ticks * TICK_NS / elapsed_ns:.1f} times '
                'faster than real time')


class ClientClock:
    """Ticks only as often as clients ask at the control socket; answers clients meanwhile."""

    def __init__(self) -> None:
        """Owe nothing."""
        self.ticks = 0
        self._owed: deque[tuple[int, Callable[[], None]]] = deque()

    def ask(self, ticks: int, done: Callable[[], None]) -> None:
        """Owe so many ticks more; ``done`` is called after the last of them."""
        before = self._owed[-1][0] if self._owed else self.ticks
        self._owed.append((before + ticks, done))

    def wait(self) -> bool:
        """Return True if a tick is owed; else False after a while."""
        while self._owed and self._owed[0][0] <= self.ticks:
            self._owed.popleft()[1]()
        if not self._owed:
            time.sleep(_IDLE_S)
            return False
        self.ticks += 1
        return True

    def summary(self) -> str:
        """Return one line: ticks."""
        return f'{self.ticks} ticks of 2 ms, each asked for'


class Pacing:
    """Sleeps to the next tick and counts lateness in whole microseconds."""

    def __init__(self) -> None:
        """Let the first tick be now."""
        self.ticks = 0
        self.skipped_ticks = 0
        self._lateness_us = [0] * (_RANGE_US + 1)
        self._begin_ns = self._next_ns = time.monotonic_ns()
        self._begin_cpu_ns = time.process_time_ns()

    def wait(self) -> bool:
        """Return True at the next tick; at once if it is past."""
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
        return True

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
