"""Absolute deadlines: wake at start + n periods, count what was late, never try to catch up."""

import time
from typing import NamedTuple

NANOSECONDS = 1_000_000_000


class Wake(NamedTuple):
    """One wake-up."""

    deadline_ns: int
    """When it should have been, by time.monotonic_ns()."""
    now_ns: int
    """When it was."""

    @property
    def lateness_us(self) -> float:
        """Time from the deadline to the wake-up [us]."""
        return (self.now_ns - self.deadline_ns) * 1e-3


class Pacer:
    """Keeps a rate by absolute deadlines.

    A tick whose work ends after the next deadline is an overrun; the next tick then starts at
    once. Deadlines that are passed over entirely are skipped and counted: doing them late, in a
    burst, would send the robot several targets in one of its own cycles.
    """

    def __init__(self, period_s: float, start_ns: int | None = None) -> None:
        """Start counting.

        Args:
            period_s: time between deadlines.
            start_ns: the first deadline; None: now.
        """
        self.period_ns = round(period_s * NANOSECONDS)
        self.overruns = 0
        """Ticks whose work ended after the next deadline."""
        self.skipped = 0
        """Deadlines passed over entirely."""
        self._deadline_ns = time.monotonic_ns() if start_ns is None else start_ns

    def advance(self, now_ns: int, ended_ns: int = 0) -> int:
        """Return the next deadline to work for.

        Args:
            now_ns: the time.
            ended_ns: when the last work ended, if it was not now.
        """
        deadline_ns = self._deadline_ns + self.period_ns
        behind = (now_ns - deadline_ns) // self.period_ns
        if (ended_ns or now_ns) > deadline_ns:
            self.overruns += 1
        if behind > 0:
            self.skipped += behind
            deadline_ns += behind * self.period_ns
        self._deadline_ns = deadline_ns
        return deadline_ns

    def wait(self, awake: bool = False, ended_ns: int = 0) -> Wake:
        """Sleep until the next deadline.

        Args:
            awake: do not sleep, so that no other program takes the processor meanwhile.
            ended_ns: when the last work ended, if it was not now.
        """
        now_ns = time.monotonic_ns()
        deadline_ns = self.advance(now_ns, ended_ns)
        while now_ns < deadline_ns:
            if not awake:
                time.sleep((deadline_ns - now_ns) * 1e-9)
            now_ns = time.monotonic_ns()
        return Wake(deadline_ns, now_ns)

    @property
    def left_s(self) -> float:
        """Time until the next deadline; negative after it."""
        return (self._deadline_ns + self.period_ns - time.monotonic_ns()) * 1e-9

    def wait_until_ahead(self, lead_s: float) -> float:
        """Sleep until so long before the next deadline, if it is not later already.

        Args:
            lead_s: of what will be done before the deadline [s].

        Returns:
            Time that is left then.
        """
        early_s = self.left_s - lead_s
        if early_s > 0.0:
            time.sleep(early_s)
        return self.left_s

    def restart(self) -> None:
        """Count from now on, after a pause that was meant."""
        self._deadline_ns = time.monotonic_ns()
