"""The controller's state: modes, safety, the program, and the transitions between them."""

import logging

from perl_sim.ur_controller.arm import PROTECTIVE_DECELERATION_RAD_S2, Arm
from perl_sim.ur_controller.modes import (
    EMERGENCY_STOPS,
    JOINT_MODES,
    MOVABLE,
    SAFEGUARD_STOPS,
    SAFETY_STATUS_BITS,
    SEVERITY,
    JointMode,
    RobotMode,
    RuntimeState,
    SafetyMode,
)

PROGRAM_STOP_DECELERATION_RAD_S2 = 4.0
"""How a program's end stops the arm. Source: stopj(4.0) in UR's external_control.urscript."""
UNLOCK_DELAY_TICKS = 2500
"""5 s between a protective stop and its unlocking. Source: UR dashboard server manual."""
POWER_SEQUENCE = {
    RobotMode.POWER_OFF: (RobotMode.BOOTING, 50),
    RobotMode.BOOTING: (RobotMode.POWER_ON, 400),
    RobotMode.POWER_ON: (RobotMode.IDLE, 50),
    RobotMode.IDLE: (RobotMode.RUNNING, 250),
}
"""What follows each mode on the way up, and after how many ticks: 1 s from off to idle, 0.5 s for
the brakes. Order: UR dashboard server manual. Times: own choice, shorter than a robot's."""
POWER_CUT_TICKS = 150
"""An emergency stop takes the power away after 0.3 s, by when the arm stands. Own choice."""

_LOG = logging.getLogger(__name__)


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
        self.safety_status_bits = SAFETY_STATUS_BITS[SafetyMode.NORMAL]
        self.faulty_joints: set[int] = set()
        self.tick = 0
        self.boot_tick = 0
        self._causes: dict[SafetyMode, str] = {}
        self._stopped_tick = 0
        self._aim = RobotMode.RUNNING
        self._next_change_tick = 0

    @property
    def robot_status_bits(self) -> int:
        """Present robot_status_bits: power on, program running, teach button pressed."""
        powered = self.robot_mode >= RobotMode.POWER_ON
        playing = self.runtime_state == RuntimeState.PLAYING
        return powered | playing << 1 | self.arm.is_free << 2

    @property
    def joint_modes(self) -> tuple[int, ...]:
        """Present joint_mode of each joint."""
        mode = JOINT_MODES.get(self.robot_mode, JointMode.POWER_OFF)
        return tuple(
            JointMode.FAULT if joint in self.faulty_joints else mode for joint in range(6)
        )

    def step(self) -> None:
        """Advance the power sequence by one tick."""
        if self.robot_mode == self._aim or self.tick < self._next_change_tick:
            return
        if self._aim == RobotMode.POWER_OFF:
            self._become(RobotMode.POWER_OFF)
        else:
            self._become(POWER_SEQUENCE[self.robot_mode][0])
            self._schedule()

    def why_not_start(self) -> str | None:
        """Return why no program can start or go on now, or None."""
        if not self.remote:
            return 'the robot is in local mode; switch it to remote control'
        if self.robot_mode != RobotMode.RUNNING:
            return f'robot mode is {self.robot_mode.name}; RUNNING is needed'
        if self.safety_mode not in MOVABLE:
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
        self.arm.end_compliance()
        if self.safety_mode in MOVABLE:
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
        if not self._add(SafetyMode.PROTECTIVE_STOP, reason):
            return
        self._stopped_tick = self.tick
        self.pause_program()
        self._halt()

    def unlock(self) -> bool:
        """End a protective stop; return False within 5 s of its beginning."""
        if SafetyMode.PROTECTIVE_STOP not in self._causes:
            return True
        if self.tick - self._stopped_tick < UNLOCK_DELAY_TICKS:
            return False
        self.arm.settle()
        self._remove(SafetyMode.PROTECTIVE_STOP)
        return True

    def safeguard_stop(
        self, reason: str, mode: SafetyMode = SafetyMode.SAFEGUARD_STOP
    ) -> None:
        """Stop the arm with its power kept (stop category 2), and pause the program."""
        if self._add(mode, reason):
            self.pause_program()
            self._halt()

    def end_safeguard_stop(self) -> None:
        """The safeguard is closed again: the program stays paused until it is played."""
        for mode in SAFEGUARD_STOPS:
            self._remove(mode)

    def emergency_stop(
        self, reason: str, mode: SafetyMode = SafetyMode.ROBOT_EMERGENCY_STOP
    ) -> None:
        """Stop the arm, then take its power away (stop category 1); the program ends."""
        if self._add(mode, reason):
            self._cut_power(reason, POWER_CUT_TICKS)

    def release_emergency_stop(self) -> None:
        """The button is pulled: the arm stays off until ``power_on`` and ``brake_release``."""
        for mode in EMERGENCY_STOPS:
            self._remove(mode)

    def violate(self, reason: str) -> None:
        """A safety limit was broken: stop category 0, until the safety is restarted."""
        if self._add(SafetyMode.VIOLATION, reason):
            self._cut_power(reason)

    def fail(self, reason: str, joint: int | None = None) -> None:
        """A part broke, perhaps a joint's drive: stop category 0, until restarted."""
        if joint is not None:
            self.faulty_joints.add(joint)
        if self._add(SafetyMode.FAULT, reason):
            self._cut_power(reason)

    def lose_power(self, reason: str) -> None:
        """The supply fails: the brakes hold the arm, the program ends."""
        _LOG.warning('power is lost: %s', reason)
        self._cut_power(reason)

    def reboot(self) -> None:
        """Begin anew once the supply is back: arm switched off, no program, no stop."""
        self.restart_safety()
        for mode in tuple(self._causes):
            self._remove(mode)
        self.program_name = ''
        self.boot_tick = self.tick

    def reduce(self, reduced: bool) -> None:
        """Switch the reduced mode's limits on or off, as its input does."""
        if reduced:
            self._add(SafetyMode.REDUCED, 'the reduced mode was asked for')
        else:
            self._remove(SafetyMode.REDUCED)

    def restart_safety(self) -> None:
        """Forget violations and faults; the arm is off afterwards."""
        self.faulty_joints.clear()
        for mode in (SafetyMode.VIOLATION, SafetyMode.FAULT, SafetyMode.PROTECTIVE_STOP):
            self._remove(mode)
        self.power_off()

    def power_on(self) -> bool:
        """Begin the way to IDLE; return whether that is possible now."""
        return self._climb(RobotMode.IDLE)

    def brake_release(self) -> bool:
        """Begin the way to RUNNING; return whether that is possible now."""
        return self._climb(RobotMode.RUNNING)

    def power_off(self) -> None:
        """Take the power away."""
        self._cut_power('robot mode becomes POWER_OFF')

    def power(self, mode: RobotMode) -> None:
        """Be in this robot mode at once, as if the way there had passed."""
        if mode != RobotMode.RUNNING:
            self.stop_program(f'robot mode becomes {mode.name}')
        self._aim = mode
        self._become(mode)

    def _climb(self, aim: RobotMode) -> bool:
        if self.safety_mode not in (*MOVABLE, *SAFEGUARD_STOPS):
            return False
        if self.robot_mode < aim:
            self._aim = aim
            self._schedule()
        return True

    def _schedule(self) -> None:
        if self.robot_mode in POWER_SEQUENCE:
            self._next_change_tick = self.tick + POWER_SEQUENCE[self.robot_mode][1]

    def _become(self, mode: RobotMode) -> None:
        _LOG.info('robot mode becomes %s', mode.name)
        self.robot_mode = mode
        self.arm.settle()

    def _cut_power(self, reason: str, delay_ticks: int = 0) -> None:
        self.stop_program(reason)
        self._halt()
        self._aim = RobotMode.POWER_OFF
        self._next_change_tick = self.tick + delay_ticks
        if not delay_ticks and self.robot_mode > RobotMode.POWER_OFF:
            self.robot_mode = RobotMode.POWER_OFF

    def _halt(self) -> None:
        self.arm.end_compliance()
        self.arm.stop_where_it_is(PROTECTIVE_DECELERATION_RAD_S2)

    def _add(self, mode: SafetyMode, reason: str) -> bool:
        if mode in self._causes:
            return False
        _LOG.warning('%s: %s', mode.name.lower().replace('_', ' '), reason)
        self._causes[mode] = reason
        self._judge()
        return True

    def _remove(self, mode: SafetyMode) -> None:
        if self._causes.pop(mode, None) is not None:
            self._judge()

    def _judge(self) -> None:
        causes = self._causes
        self.safety_mode = next(
            (mode for mode in SEVERITY if mode in causes), SafetyMode.NORMAL)
        bits = 0
        for mode in causes:
            bits |= SAFETY_STATUS_BITS[mode]
        self.safety_status_bits = bits or SAFETY_STATUS_BITS[SafetyMode.NORMAL]
        self.arm.reduced = SafetyMode.REDUCED in causes
