"""Figures of the control loop's timing, over every recorded tick."""

import dataclasses
from typing import Any

import numpy as np

from perl_replay.distribution import Distribution, Tail


@dataclasses.dataclass(frozen=True, kw_only=True)
class TimingFigures:
    """How punctual the loop was. Counters are the loop's own, since its start."""

    ticks: int
    """Ticks in the bag."""
    ticks_not_recorded: int
    """Ticks between the first and the last recorded one that the bag lacks."""
    lateness: Tail
    """Wake-up after the absolute deadline."""
    work: Tail
    """From wake-up to the end of the tick's work."""
    state_age: Tail
    """Age of the robot state used."""
    inference: Tail
    """Observation, gate and branch together, per policy period."""
    overruns: int
    """Ticks whose work ended after the next deadline."""
    skipped: int
    """Deadlines passed over entirely."""
    policy_misses: int
    """Policy periods without an action in time."""


class RisingCounter:
    """Sum of a counter that starts again at zero when its process does."""

    def __init__(self) -> None:
        """Start at zero."""
        self.total = 0
        self._last = 0

    def add(self, value: int) -> int:
        """Take the counter's next value; return by how much it rose."""
        rise = value - self._last if value >= self._last else value
        self.total += rise
        self._last = value
        return rise


class TimingCollector:
    """Takes LoopTiming and PolicyState messages."""

    def __init__(self) -> None:
        """Start without ticks."""
        self._lateness, self._work = Distribution(), Distribution()
        self._state_age, self._inference = Distribution(), Distribution()
        self._overruns, self._skipped = RisingCounter(), RisingCounter()
        self._policy_misses = RisingCounter()
        self._ticks = 0
        self._missing = 0
        self._next_tick: int | None = None

    def add(self, timing: Any) -> None:
        """Take a LoopTiming."""
        self._lateness.add(timing.lateness_us)
        self._work.add(timing.work_us)
        self._state_age.add(timing.state_age_us)
        self._overruns.add(timing.overruns)
        self._skipped.add(timing.skipped)
        self._policy_misses.add(timing.policy_misses)
        count = len(timing.lateness_us)
        # A smaller number than expected is the first message of a loop that was started again.
        if self._next_tick is not None and timing.first_tick > self._next_tick:
            self._missing += timing.first_tick - self._next_tick
        self._ticks += count
        self._next_tick = timing.first_tick + count

    def add_inference(self, state: Any) -> None:
        """Take a PolicyState."""
        self._inference.add(np.array([state.inference_us]))

    def figures(self) -> TimingFigures:
        """Return the figures."""
        return TimingFigures(
            ticks=self._ticks,
            ticks_not_recorded=self._missing,
            lateness=self._lateness.tail(),
            work=self._work.tail(),
            state_age=self._state_age.tail(),
            inference=self._inference.tail(),
            overruns=self._overruns.total,
            skipped=self._skipped.total,
            policy_misses=self._policy_misses.total,
        )
