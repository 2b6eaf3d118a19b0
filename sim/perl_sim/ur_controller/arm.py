"""The arm behind the controller: a MuJoCo UR5e, its reference, and what it must not do."""

from collections import deque
import math

import mujoco
import numpy as np
from perl_core.contract import JOINT_NAMES
from perl_core.errors import ConfigError, RobotError
from perl_sim.robots.ur5e import (
    JOINT_RANGE_RAD,
    MAX_JOINT_SPEED_RAD_S,
    drive_command,
    load_ur5e,
)
from perl_sim.ur_controller.motions import (
    TICK_S,
    Hold,
    Motion,
    MoveJ,
    Reference,
    Servo,
    Speed,
    Stop,
)

MAX_SPEED_RAD_S = 1.1 * MAX_JOINT_SPEED_RAD_S
"""Over-speed begins a tenth above the joint's speed. Own choice."""
DEVIATION_LIMIT_RAD = math.radians(5.0)
"""Reference and measured position differ by less. Source: UR5e data sheet, tolerance of the
safety function joint position."""
PROTECTIVE_DECELERATION_RAD_S2 = 20.0
"""Deceleration of a protective stop. Own choice: from full speed to rest in 0.16 s."""
MAX_PAYLOAD_KG = 5.0
"""Source: UR5e data sheet."""
HISTORY_TICKS = 500
"""Joint angles kept. Own choice: 1 s."""


class Arm:
    """Six joints that follow one motion at a time."""

    def __init__(self, initial_rad: np.ndarray, payload_kg: float = 0.0) -> None:
        """Stand still at these joint angles.

        Args:
            initial_rad: joint angles, shape (6,).
            payload_kg: mass at the flange that the arm carries.

        Raises:
            ConfigError: an angle or the mass is outside what the arm can have.
        """
        initial_rad = np.asarray(initial_rad, dtype=float)
        _require_reachable(initial_rad)
        if not 0.0 <= payload_kg <= MAX_PAYLOAD_KG:
            raise ConfigError(f'a UR5e carries 0 to {MAX_PAYLOAD_KG} kg; got {payload_kg!r}')
        self._model = load_ur5e()
        self._data = mujoco.MjData(self._model)
        joints = [self._model.joint(name) for name in JOINT_NAMES]
        self._position_index = np.array([joint.qposadr[0] for joint in joints])
        self._velocity_index = np.array([joint.dofadr[0] for joint in joints])
        self._drive_index = np.array([self._model.actuator(name).id for name in JOINT_NAMES])
        if payload_kg:
            self._model.body('payload').mass[0] = payload_kg
            mujoco.mj_setConst(self._model, self._data)
        self._data.qpos[self._position_index] = initial_rad
        mujoco.mj_forward(self._model, self._data)
        self.reference = Reference(initial_rad, np.zeros(6))
        self.reference_acceleration_rad_s2 = np.zeros(6)
        self.motion: Motion = Hold()
        self._past_rad = deque([initial_rad], maxlen=HISTORY_TICKS)

    @property
    def position_rad(self) -> np.ndarray:
        """Measured joint angles [rad], shape (6,)."""
        return self._data.qpos[self._position_index]

    @property
    def velocity_rad_s(self) -> np.ndarray:
        """Measured joint velocities [rad/s], shape (6,)."""
        return self._data.qvel[self._velocity_index]

    @property
    def drive_torque_n_m(self) -> np.ndarray:
        """Torque of the drives beyond weight compensation [Nm], shape (6,)."""
        return self._data.qfrc_actuator[self._velocity_index]

    @property
    def torque_n_m(self) -> np.ndarray:
        """Torque of the drives with weight compensation [Nm], shape (6,)."""
        return self.drive_torque_n_m + self._data.qfrc_gravcomp[self._velocity_index]

    @property
    def is_steady(self) -> bool:
        """Whether the reference rests and no motion is left to do."""
        return self.motion.done and not self.reference.velocity_rad_s.any()

    def begin(self, motion: Motion) -> None:
        """Leave the present motion for this one."""
        self.motion = motion

    def servo_j(self, target_rad: np.ndarray, lookahead_s: float, gain: float) -> None:
        """Follow this target; arguments as of servoJ."""
        motion = self.motion
        if not isinstance(motion, Servo) or motion.arguments != (lookahead_s, gain):
            motion = self.motion = Servo(self.reference, lookahead_s, gain)
        motion.target_rad = target_rad

    def speed_j(self, velocity_rad_s: np.ndarray, acceleration_rad_s2: float) -> None:
        """Reach this joint velocity and keep it."""
        self.motion = Speed(velocity_rad_s, acceleration_rad_s2)

    def stop_j(self, deceleration_rad_s2: float) -> None:
        """Slow down to rest."""
        self.motion = Stop(deceleration_rad_s2)

    def stop_where_it_is(self, deceleration_rad_s2: float) -> None:
        """Slow down to rest from the measured state, whatever was commanded."""
        limit_rad_s = MAX_SPEED_RAD_S
        velocity_rad_s = np.clip(self.velocity_rad_s, -limit_rad_s, limit_rad_s)
        self.settle()
        self.reference = Reference(self.reference.position_rad, velocity_rad_s)
        self.stop_j(deceleration_rad_s2)

    def move_j(
        self, target_rad: np.ndarray, speed_rad_s: float, acceleration_rad_s2: float
    ) -> None:
        """Move to these joint angles and rest there."""
        self.motion = MoveJ(target_rad, speed_rad_s, acceleration_rad_s2)

    def past_position_rad(self, ticks: int) -> np.ndarray:
        """Return the joint angles some ticks ago, or the oldest that are kept."""
        return self._past_rad[min(max(ticks, 0), len(self._past_rad) - 1)]

    def compensate_payload(self, declared_kg: float) -> None:
        """Carry the weight of a payload that the client declared; the drives bear the rest."""
        body = self._model.body('payload')
        self._model.body_gravcomp[body.id] = declared_kg / body.mass[0]

    def settle(self) -> None:
        """Rest where the arm is: forget reference and motion, so that nothing jumps."""
        position_rad = np.clip(self.position_rad, -JOINT_RANGE_RAD, JOINT_RANGE_RAD)
        self.reference = Reference(position_rad, np.zeros(6))
        self.motion = Hold()

    def step(self, speed_fraction: float = 1.0) -> str | None:
        """Advance one tick.

        Args:
            speed_fraction: speed slider, 0 to 1.

        Returns:
            What calls for a protective stop, or None.
        """
        before_rad_s = self.reference.velocity_rad_s
        failure = self._advance_reference(speed_fraction)
        change_rad_s = self.reference.velocity_rad_s - before_rad_s
        self.reference_acceleration_rad_s2 = change_rad_s / TICK_S
        self._data.ctrl[self._drive_index] = drive_command(*self.reference)
        mujoco.mj_step(self._model, self._data)
        self._past_rad.appendleft(self.position_rad)
        return failure or self._violation()

    def _advance_reference(self, speed_fraction: float) -> str | None:
        try:
            following = self.motion.step(self.reference, speed_fraction)
        except RobotError as error:
            return str(error)
        speed_rad_s = np.abs(following.velocity_rad_s)
        worst = int(speed_rad_s.argmax())
        # Written so that a speed that is no number is refused, too.
        if not speed_rad_s[worst] <= MAX_SPEED_RAD_S:
            return (f'commanded speed of {JOINT_NAMES[worst]}: {speed_rad_s[worst]:.4f} rad/s, '
                    f'at most {MAX_SPEED_RAD_S:.4f}')
        self.reference = following
        return None

    def _violation(self) -> str | None:
        position_rad, velocity_rad_s = self.position_rad, self.velocity_rad_s
        checks = (
            ('joint limit', np.abs(self.reference.position_rad), JOINT_RANGE_RAD, 'rad'),
            ('joint speed', np.abs(velocity_rad_s),
             MAX_SPEED_RAD_S, 'rad/s'),
            ('position deviation', np.abs(self.reference.position_rad - position_rad),
             DEVIATION_LIMIT_RAD, 'rad'),
        )
        for name, amounts, limit, unit in checks:
            worst = int(amounts.argmax())
            if not amounts[worst] <= limit:
                return (f'{name} of {JOINT_NAMES[worst]}: {amounts[worst]:.4f} {unit}, '
                        f'at most {limit:.4f}')
        return None



def target_violation(target_rad: np.ndarray) -> str | None:
    """Return why these joint angles are no target, or None."""
    if not np.isfinite(target_rad).all():
        return f'a target that is not finite: {target_rad.tolist()}'
    worst = int(np.abs(target_rad).argmax())
    if abs(target_rad[worst]) > JOINT_RANGE_RAD:
        return (f'a target beyond the joint limit: {JOINT_NAMES[worst]} '
                f'{target_rad[worst]:.4f} rad, at most {JOINT_RANGE_RAD:.4f}')
    return None


def _require_reachable(initial_rad: np.ndarray) -> None:
    if initial_rad.shape != (6,):
        raise ConfigError(f'initial joints are 6 angles in rad; got {initial_rad.size}')
    reason = target_violation(initial_rad)
    if reason:
        raise ConfigError(f'the arm cannot start there: {reason}')
