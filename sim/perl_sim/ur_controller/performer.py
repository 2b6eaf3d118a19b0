"""How a program moves the arm: it issues motions, and issues them again after a pause."""

from collections.abc import Callable, Generator

from perl_sim.ur_controller.arm import Arm
from perl_sim.ur_controller.compliance import Compliance

Routine = Generator[None]
"""Something that takes time, one ``yield`` a tick."""


class Performer:
    """What a program has the arm do at present."""

    def __init__(self, arm: Arm) -> None:
        """Have the arm do nothing.

        Args:
            arm: to move.
        """
        self.arm = arm
        self.forget()

    def forget(self) -> None:
        """Begin as a new program does."""
        self._motion: Callable[[], None] | None = None
        self._continuous = False
        self._compliance: tuple[Compliance, bool] | None = None

    def keep_doing(self, motion: Callable[[], None]) -> None:
        """Issue this motion at every tick until another begins: the script's threads."""
        self._motion, self._continuous = motion, True

    def perform(
        self, motion: Callable[[], None], until: Callable[[], bool] | None = None
    ) -> Routine:
        """Issue a motion, now and whenever the program was paused, and wait for its end.

        Args:
            motion: issues it.
            until: whether there is no need to wait any longer; at rest, if left out.
        """
        self._motion, self._continuous = motion, False
        motion()
        yield
        while not (self.arm.is_steady or (until is not None and until())):
            yield
        if self._motion is motion and self.arm.is_steady:
            self._motion = None

    def give_way(self, compliance: Compliance | None, *, free: bool = False) -> None:
        """Give way from now on, also after a pause; None: no longer."""
        self._compliance = None if compliance is None else (compliance, free)
        if compliance is None:
            self.arm.end_compliance()
        else:
            self.arm.give_way(compliance, free=free)

    def go_on(self) -> None:
        """Issue again what a pause had ended."""
        if self._compliance:
            self.arm.give_way(self._compliance[0], free=self._compliance[1])
        if self._motion:
            self._motion()

    def keep_on(self) -> None:
        """Issue again what is issued at every tick."""
        if self._motion and self._continuous:
            self._motion()


def is_over(routine: Routine) -> bool:
    """Resume a routine; return whether that was its end."""
    try:
        next(routine)
    except StopIteration:
        return True
    return False
