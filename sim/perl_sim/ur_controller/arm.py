"""The arm behind the controller: a MuJoCo UR5e, its reference, and what it must not do."""

from collections import deque
import math

import mujoco
import numpy as np
from perl_core.contract import JOINT_NAMES
from perl_core.errors import ConfigError, RobotError
from perl_sim.robots.ur5e import JOINT_RANGE_RAD, MAX_JOINT_SPEED_RAD_S, drive_command
from perl_sim.ur_controller.arm_model import (
    ArmConfig,
    ArmKinematics,
    SafetyLimits,
    build_model,
)
from perl_sim.ur_controller.compliance import Compliance
from perl_sim.ur_controller.drives import Drives
from perl_sim.ur_controller.force_sensor import ForceSensor
from perl_sim.ur_controller.load import Load
from perl_sim.ur_controller.motions import TICK_S, Hold, Motion, Reference, Servo, Speed, Stop
from perl_sim.ur_controller.recorded_motion import RecordedMotion
from perl_sim.ur_controller.tool import Tool
from perl_sim.ur_controller.touch import Touch

OVERSPEED = 1.1
"""A stop for too much speed begins a tenth above the limit. Own choice."""
MAX_SPEED_RAD_S = OVERSPEED * MAX_JOINT_SPEED_RAD_S
"""Of a joint in the normal mode, unless limited further."""
DEVIATION_LIMIT_RAD = math.radians(5.0)
"""Reference and measured position differ by less. Source: UR5e data sheet, tolerance of the
safety function joint position."""
PROTECTIVE_DECELERATION_RAD_S2 = 20.0
"""Deceleration of a protective stop. Own choice: from full speed to rest in 0.16 s."""
SLIDER_STEP = 0.01
"""The speed fraction follows the slider by so much a tick. Source: UR's ROS driver ramps speed
scaling by 0.01 a cycle (hardware_interface.cpp)."""
MIN_SCALING = 0.01
"""A motion is never slowed down further than to this by the speed limits. Own choice."""
HISTORY_TICKS = 500
"""Joint angles kept. Own choice: 1 s."""


class Arm:
    """Six joints that follow one motion at a time."""

    def __init__(self, initial_rad: np.ndarray, config: ArmConfig | None = None) -> None:
        """Stand still at these joint angles.

        Args:
            initial_rad: joint angles, shape (6,).
            config: what the arm is like; an ideal one if left out.

        Raises:
            ConfigError: an angle is outside what the arm can have.
        """
        initial_rad = np.asarray(initial_rad, dtype=float)
        _require_reachable(initial_rad)
        self.config = config or ArmConfig()
        self._model = build_model(self.config)
        self._data = mujoco.MjData(self._model)
        self.kinematics = ArmKinematics(self._model)
        self.tool = Tool(self.kinematics)
        self.sensor = ForceSensor(self._model, self._data, self.config)
        self.touch = Touch(self.sensor)
        self.load = Load(self._model, self._data, self.config, self.sensor)
        self.drives = Drives(self._model, self._data, self.config)
        self._data.qpos[:] = initial_rad
        mujoco.mj_forward(self._model, self._data)
        self.reference = self._motion_reference = Reference(initial_rad, np.zeros(6))
        self.reference_acceleration_rad_s2 = np.zeros(6)
        self.motion: Motion = Hold()
        self.reduced = False
        self.speed_scaling = 1.0
        """How far the limits slow a motion down."""
        self.is_free = False
        """Whether somebody may guide the arm by hand: freedrive."""
        self._speed_fraction = 1.0
        self._compliance: Compliance | None = None
        self._recorded: RecordedMotion | None = None
        self._past_rad = deque([initial_rad], maxlen=HISTORY_TICKS)

    @property
    def position_rad(self) -> np.ndarray:
        """Measured joint angles [rad], shape (6,)."""
        return self._data.qpos.copy()

    @property
    def velocity_rad_s(self) -> np.ndarray:
        """Measured joint velocities [rad/s], shape (6,)."""
        return self._data.qvel.copy()

    @property
    def acceleration_rad_s2(self) -> np.ndarray:
        """Joint accelerations [rad/s^2], shape (6,)."""
        return self._data.qacc.copy()

    @property
    def drive_torque_n_m(self) -> np.ndarray:
        """Torque of the drives beyond weight compensation [Nm], shape (6,)."""
        return self._data.qfrc_actuator.copy()

    @property
    def torque_n_m(self) -> np.ndarray:
        """Torque of the drives with weight compensation [Nm], shape (6,)."""
        return (self._data.qfrc_actuator + self._data.qfrc_gravcomp
                + self.load.compensation_n_m)

    @property
    def momentum_kg_m_s(self) -> float:
        """Linear momentum of all links and the payload together."""
        mujoco.mj_subtreeVel(self._model, self._data)
        root = self._model.body('shoulder_link').id
        velocity_m_s = self._data.subtree_linvel[root]
        return float(self._model.body_subtreemass[root] * np.linalg.norm(velocity_m_s))

    @property
    def elbow_position_m(self) -> np.ndarray:
        """Where the elbow is, in ``base``, shape (3,)."""
        return self._data.body('upper_arm_link').xpos.copy()

    @property
    def limits(self) -> SafetyLimits:
        """The safety limits that hold now."""
        return self.config.reduced_limits if self.reduced else self.config.limits

    @property
    def is_steady(self) -> bool:
        """Whether the reference rests and no motion is left to do."""
        return self.motion.done and not self.reference.velocity_rad_s.any()

    def tool_wrench(self) -> np.ndarray:
        """Return the wrench of the environment on the tool centre point in ``base``, (6,)."""
        pose, _ = self.tool.pose_and_jacobian(self._data.qpos)
        return self.sensor.at_tool(pose)

    def begin(self, motion: Motion) -> None:
        """Leave the present motion for this one."""
        self.motion = motion

    def servo_j(self, target_rad: np.ndarray, lookahead_s: float, gain: float) -> None:
        """Follow this target; arguments as of servoJ."""
        motion = self.motion
        if not isinstance(motion, Servo) or motion.arguments != (lookahead_s, gain):
            motion = self.motion = Servo(
                self._motion_reference, lookahead_s, gain, self.config.servo)
        motion.target_rad = target_rad

    def speed_j(self, velocity_rad_s: np.ndarray, acceleration_rad_s2: float) -> None:
        """Reach this joint velocity and keep it."""
        self.motion = Speed(velocity_rad_s, acceleration_rad_s2)

    def stop_j(self, deceleration_rad_s2: float) -> None:
        """Slow down to rest."""
        self.motion = Stop(deceleration_rad_s2)

    def stop_where_it_is(self, deceleration_rad_s2: float) -> None:
        """Slow down to rest from the measured state, whatever was commanded."""
        velocity_rad_s = np.clip(self._data.qvel, -MAX_SPEED_RAD_S, MAX_SPEED_RAD_S)
        self.settle()
        self._place(Reference(self.reference.position_rad, velocity_rad_s))
        self.stop_j(deceleration_rad_s2)

    def give_way(self, compliance: Compliance, *, free: bool = False) -> None:
        """Give way from now on, over whatever motion goes on.

        Args:
            compliance: how.
            free: whether this is freedrive.
        """
        self._compliance, self.is_free = compliance, free

    def end_compliance(self) -> None:
        """Give way no longer: stay where the reference is, and slow down there."""
        if self._compliance:
            self._compliance, self.is_free = None, False
            self.motion = Hold() if self.motion.done else self.motion
            self._place(self.reference)

    @property
    def compliance(self) -> Compliance | None:
        """How the arm gives way now, or None."""
        return self._compliance

    def past_position_rad(self, ticks: int) -> np.ndarray:
        """Return the joint angles some ticks ago, or the oldest that are kept."""
        return self._past_rad[min(max(ticks, 0), len(self._past_rad) - 1)]

    def settle(self) -> None:
        """Rest where the arm is: forget reference and motion, so that nothing jumps."""
        position_rad = np.clip(self._data.qpos, -JOINT_RANGE_RAD, JOINT_RANGE_RAD)
        self._place(Reference(position_rad, np.zeros(6)))
        self.motion = Hold()

    def replay(self, motion: RecordedMotion) -> None:
        """Be where a recording says until it ends, whatever is commanded; then stay there."""
        self._recorded = motion

    def step(self, slider: float = 1.0) -> str | None:
        """Advance one tick.

        Args:
            slider: speed slider, 0 to 1.

        Returns:
            What calls for a protective stop, or None.
        """
        if self._recorded is not None:
            self._step_recorded(self._recorded)
            return None
        before_rad_s = self.reference.velocity_rad_s
        failure = self._advance_reference(slider)
        self.reference_acceleration_rad_s2 = (
            self.reference.velocity_rad_s - before_rad_s) / TICK_S
        self.load.act()
        if not self.drives.act(drive_command(*self.reference)):
            # While torques are commanded, the reference is where the arm is.
            self.settle()
        mujoco.mj_step(self._model, self._data)
        self.sensor.feel()
        self.touch.follow()
        self._past_rad.appendleft(self._data.qpos.copy())
        return failure or self._violation()

    def _step_recorded(self, motion: RecordedMotion) -> None:
        joints = motion.step()
        if joints is None:
            self._recorded = None
            self._data.qvel[:] = 0.0
            self.settle()
            return
        self._data.qpos[:], self._data.qvel[:] = joints
        mujoco.mj_forward(self._model, self._data)
        self._place(Reference(*joints))
        self.motion = Hold()
        self._past_rad.appendleft(self._data.qpos.copy())

    def _place(self, reference: Reference) -> None:
        self.reference = self._motion_reference = reference

    def _advance_reference(self, slider: float) -> str | None:
        change = slider - self._speed_fraction
        self._speed_fraction += min(max(change, -SLIDER_STEP), SLIDER_STEP)
        fraction = self._speed_fraction * self.speed_scaling
        try:
            following = self.motion.step(self._motion_reference, fraction)
        except RobotError as error:
            return str(error)
        reason = self._judge_speed(following)
        if reason:
            return reason
        self._motion_reference = following
        if self._compliance is None:
            self.reference = following
        else:
            self.reference = self._compliance.step(
                self.reference, following.velocity_rad_s, self.tool_wrench(),
                self.limits.joint_speed_rad_s,
            )
        return None

    def _judge_speed(self, following: Reference) -> str | None:
        limits = self.limits
        speed_rad_s = np.abs(following.velocity_rad_s)
        worst = int(speed_rad_s.argmax())
        excess, what = speed_rad_s[worst] / limits.joint_speed_rad_s, JOINT_NAMES[worst]
        if limits.tool_speed_m_s < math.inf:
            _, speed = self.tool.pose_and_speed(*following)
            tool_excess = float(np.linalg.norm(speed[:3])) / limits.tool_speed_m_s
            if tool_excess > excess:
                excess, what = tool_excess, 'the tool'
        if self.motion.scalable:
            self._scale(excess)
        else:
            self.speed_scaling = 1.0
        # Written so that a speed that is no number is refused, too.
        if not excess <= OVERSPEED:
            return f'commanded speed of {what}: {excess:.3f} of its limit, at most {OVERSPEED}'
        return None

    def _scale(self, excess: float) -> None:
        """Slow a motion down, or let it go faster again, so that it keeps to the limits."""
        if excess > 1.0 or self.speed_scaling < 1.0:
            wished = self.speed_scaling / max(excess, 1e-3)
            eased = self.speed_scaling + SLIDER_STEP
            self.speed_scaling = min(max(min(wished, eased), MIN_SCALING), 1.0)

    def _violation(self) -> str | None:
        position_rad, velocity_rad_s = self._data.qpos, self._data.qvel
        limits = self.limits
        checks = (
            ('joint limit', np.abs(self.reference.position_rad), limits.joint_range_rad, 'rad'),
            ('joint speed', np.abs(velocity_rad_s), OVERSPEED * limits.joint_speed_rad_s,
             'rad/s'),
            ('position deviation', np.abs(self.reference.position_rad - position_rad),
             DEVIATION_LIMIT_RAD, 'rad'),
        )
        for name, amounts, limit, unit in checks:
            worst = int(amounts.argmax())
            if not amounts[worst] <= limit:
                return (f'{name} of {JOINT_NAMES[worst]}: {amounts[worst]:.4f} {unit}, '
                        f'at most {limit:.4f}')
        if self.sensor.contact_force_n > limits.force_n:
            return (f'collision: {self.sensor.contact_force_n:.0f} N, '
                    f'at most {limits.force_n:.0f}')
        return self._passed_plane()

    def _passed_plane(self) -> str | None:
        if not self.config.planes:
            return None
        position_m = self.tool.pose(self.reference.position_rad)[:3]
        for plane in self.config.planes:
            excess_m = plane.excess_m(position_m)
            if excess_m > 0.0:
                return (f'safety plane: the tool is {excess_m:.4f} m beyond the plane '
                        f'{plane.normal_base}, {plane.offset_m}')
        return None


def target_violation(target_rad: np.ndarray, limit_rad: float = JOINT_RANGE_RAD) -> str | None:
    """Return why these joint angles are no target, or None."""
    if not np.isfinite(target_rad).all():
        return f'a target that is not finite: {target_rad.tolist()}'
    worst = int(np.abs(target_rad).argmax())
    if abs(target_rad[worst]) > limit_rad:
        return (f'a target beyond the joint limit: {JOINT_NAMES[worst]} '
                f'{target_rad[worst]:.4f} rad, at most {limit_rad:.4f}')
    return None


def _require_reachable(initial_rad: np.ndarray) -> None:
    if initial_rad.shape != (6,):
        raise ConfigError(f'initial joints are 6 angles in rad; got {initial_rad.size}')
    reason = target_violation(initial_rad)
    if reason:
        raise ConfigError(f'the arm cannot start there: {reason}')
