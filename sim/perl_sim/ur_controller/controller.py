"""The controller's state: modes, safety, the program, and the transitions between them."""

import enum
import logging

from perl_sim.ur_controller.arm import PROTECTIVE_DECELERATION_RAD_S2, Arm

PROGRAM_STOP_DECELERATION_RAD_S2 = 4.0
"""How a program's end stops the arm. Source: stopj(4.0) in UR's external_control.urscript."""
UNLOCK_DELAY_TICKS = 2500
"""5 s between a protective stop and its unlocking. Source: UR dashboard server manual."""

_LOG = logging.getLogger(__name__)


class RobotMode(enum.IntEnum):
    """robot_mode (RTDE guide)."""

    POWER_OFF = 3
    IDLE = 5
    RUNNING = 7


class SafetyMode(enum.IntEnum):
    """safety_mode (RTDE guide)."""

    NORMAL = 1
    PROTECTIVE_STOP = 3


class RuntimeState(enum.IntEnum):
    """runtime_state (RTDE guide)."""

    STOPPED = 1
    PLAYING = 2
    PAUSED = 4


SAFETY_STATUS_BITS = {
    SafetyMode.NORMAL: 1 << 0,
    SafetyMode.PROTECTIVE_STOP: 1 << 2 | 1 << 10,
}
"""safety_status_bits of each mode: normal; protective stopped and stopped due to safety."""


class Controller:
    """What a teach pendant would show, and what its buttons would do."""

    def __init__(self, arm: Arm, *, local_mode: bool = False) -> None:
        """Begin switched on, brakes released, no program.

        Args:
            arm: to stop when the program stops.
            local_mode: whether the robot is controlled from its pendant only.
        """
        self.arm = arm
        self.remote = not local_mode
        self.robot_mode = RobotMode.RUNNING
        self.safety_mode = SafetyMode.NORMAL
        self.runtime_state = RuntimeState.STOPPED
        self.program_name = ''
        self.tick = 0
        self._stopped_tick = 0

    @property
    def safety_status_bits(self) -> int:
        """Present safety_status_bits."""
        return SAFETY_STATUS_BITS[self.safety_mode]

    @property
    def robot_status_bits(self) -> int:
        """Present robot_status_bits: power on, program running."""
        powered = self.robot_mode in (RobotMode.IDLE, RobotMode.RUNNING)
        return powered | (self.runtime_state == RuntimeState.PLAYING) << 1

    def why_not_start(self) -> str | None:
        """Return why no program can start or go on now, or None."""
        if not self.remote:
            return 'the robot is in local mode; switch it to remote control'
        if self.robot_mode != RobotMode.RUNNING:
            return f'robot mode is {self.robot_mode.name}; RUNNING is needed'
        if self.safety_mode != SafetyMode.NORMAL:
            return f'safety mode is {self.safety_mode.name}; NORMAL is needed'
        return None

    def start_program(self, name: str) -> bool:
        """Begin a program in place of the present one; return whether it began."""
        self.stop_program('another program came')
        reason = self.why_not_start()
        if reason:
            _LOG.warning('program %s does not start: %s', name, reason)
            return False
        self.program_name = name
        self.runtime_state = RuntimeState.PLAYING
        return True

    def stop_program(self, reason: str) -> None:
        """End the program, if there is one: the arm slows down and stands still."""
        if self.runtime_state == RuntimeState.STOPPED:
            return
        _LOG.info('program %s stops: %s', self.program_name, reason)
        self.runtime_state = RuntimeState.STOPPED
        if self.safety_mode == SafetyMode.NORMAL:
            self.arm.stop_j(PROGRAM_STOP_DECELERATION_RAD_S2)

    def pause_program(self) -> bool:
        """Pause the program; return whether one was playing."""
        if self.runtime_state != RuntimeState.PLAYING:
            return False
        self.runtime_state = RuntimeState.PAUSED
        self.arm.stop_j(PROGRAM_STOP_DECELERATION_RAD_S2)
        return True

    def resume_program(self) -> bool:
        """Let a paused program go on; return whether it does."""
        if self.runtime_state != RuntimeState.PAUSED or self.why_not_start():
            return False
        self.runtime_state = RuntimeState.PLAYING
        return True

    def protective_stop(self, reason: str) -> None:
        """Stop the arm as fast as it can, and pause the program."""
        if self.safety_mode == SafetyMode.PROTECTIVE_STOP:
            return
        _LOG.warning('protective stop: %s', reason)
        self.safety_mode = SafetyMode.PROTECTIVE_STOP
        self._stopped_tick = self.tick
        self.pause_program()
        self.arm.stop_where_it_is(PROTECTIVE_DECELERATION_RAD_S2)

    def unlock(self) -> bool:
        """End a protective stop; return False within 5 s of its beginning."""
        if self.safety_mode != SafetyMode.PROTECTIVE_STOP:
            return True
        if self.tick - self._stopped_tick < UNLOCK_DELAY_TICKS:
            return False
        self.arm.settle()
        self.safety_mode = SafetyMode.NORMAL
        return True

    def power(self, mode: RobotMode) -> None:
        """Switch to another robot mode; anything but RUNNING ends the program."""
        if mode != RobotMode.RUNNING:
            self.stop_program(f'robot mode becomes {mode.name}')
        self.robot_mode = mode
