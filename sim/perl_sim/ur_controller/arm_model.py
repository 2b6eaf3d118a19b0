"""What the emulated arm is made of, and the MuJoCo model that follows from it."""

import dataclasses
import math

import mujoco
import numpy as np
from perl_core.errors import ConfigError
from perl_core.kinematics import UR5E_NOMINAL, DHParameters, Kinematics, Pose
from perl_core.rotation import rotation_from_vector
from perl_sim.obstacles import Box
from perl_sim.robots.ur5e import JOINT_RANGE_RAD, MAX_JOINT_SPEED_RAD_S, load_ur5e
from perl_sim.servo import ServoTraits

MAX_PAYLOAD_KG = 5.0
"""Source: UR5e data sheet."""
GRAVITY_M_S2 = 9.80665
"""Standard gravity. Source: CGPM 1901."""
MAX_TILT_RAD = math.pi
"""A base can be mounted in any way: on a wall, at a ceiling."""
MIN_PAYLOAD_KG = 1e-6
"""MuJoCo wants every moving body to have a mass."""
PAYLOAD_RADIUS_M = 0.05
"""The payload is a solid sphere of this radius. Own choice."""
TOOL_BODIES = ('wrist_3_link', 'payload')
"""What is behind the force sensor, which sits at the flange."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SafetyPlane:
    """A plane that the tool centre point must not pass."""

    normal_base: tuple[float, float, float]
    """Points to the forbidden side; of any length but zero."""
    offset_m: float
    """Of the plane from the origin of ``base``, along its normal."""

    def __post_init__(self) -> None:
        """Refuse what is no plane."""
        length = math.hypot(*self.normal_base)
        if not (math.isfinite(length) and length > 0.0 and math.isfinite(self.offset_m)):
            raise ConfigError(
                f'a safety plane has a finite normal that is not zero, and an offset; '
                f'got {self.normal_base}, {self.offset_m}'
            )

    def excess_m(self, position_m: np.ndarray) -> float:
        """Return how far a point is beyond the plane; negative if it is not."""
        length = math.hypot(*self.normal_base)
        return float(np.dot(self.normal_base, position_m)) / length - self.offset_m


@dataclasses.dataclass(frozen=True, kw_only=True)
class SafetyLimits:
    """What a set of safety limits allows; beyond it the arm stops."""

    joint_range_rad: float = JOINT_RANGE_RAD
    """Largest angle of every joint to either side."""
    joint_speed_rad_s: float = MAX_JOINT_SPEED_RAD_S
    """Of every joint; a tenth more is a stop."""
    tool_speed_m_s: float = math.inf
    """Of the tool centre point. Not limited unless set: installations differ."""
    force_n: float = 250.0
    """Of a contact. Own choice: between the 150 N of UR's usual presets and what the arm's
    joints can do."""

    def __post_init__(self) -> None:
        """Refuse limits under which nothing could move."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if not value > 0.0:
                raise ConfigError(f'{field.name} of safety limits must be positive; got {value!r}')


REDUCED_LIMITS = SafetyLimits(
    joint_speed_rad_s=math.radians(120.0), tool_speed_m_s=0.75, force_n=120.0)
"""Limits of the reduced mode. Own choice, of the order of UR's presets."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ArmConfig:
    """How the emulated arm differs from an ideal UR5e, and what its safety allows."""

    payload_kg: float = 0.0
    """Mass that really hangs at the flange, whatever the client declares."""
    payload_centre_m: tuple[float, float, float] = (0.0, 0.0, 0.05)
    """Centre of that mass in ``tool0``."""
    base_tilt_rad: tuple[float, float] = (0.0, 0.0)
    """How the base really stands: rotation vector about x and y of ``base``. The controller
    believes in an upright base until ``set_gravity`` says otherwise."""
    dh_parameters: DHParameters = UR5E_NOMINAL
    """Real geometry of this arm; the controller knows it, as from its factory calibration."""
    coulomb_friction_n_m: tuple[float, ...] = (0.0,) * 6
    """Coulomb friction that the drives' own compensation leaves."""
    viscous_friction_n_m_s_rad: tuple[float, ...] = (0.0,) * 6
    """Viscous friction that it leaves."""
    servo: ServoTraits = dataclasses.field(default_factory=ServoTraits)
    """How servoJ answers."""
    limits: SafetyLimits = dataclasses.field(default_factory=SafetyLimits)
    """Of the normal mode."""
    reduced_limits: SafetyLimits = REDUCED_LIMITS
    """Of the reduced mode."""
    planes: tuple[SafetyPlane, ...] = ()
    """What the tool must not pass, in both modes."""
    boxes: tuple[Box, ...] = ()
    """What stands on the table."""

    def __post_init__(self) -> None:
        """Refuse an arm that cannot be."""
        if not 0.0 <= self.payload_kg <= MAX_PAYLOAD_KG:
            raise ConfigError(
                f'a UR5e carries 0 to {MAX_PAYLOAD_KG} kg; got {self.payload_kg!r}')
        if not all(abs(angle) <= MAX_TILT_RAD for angle in self.base_tilt_rad):
            raise ConfigError(f'a base tilts by at most pi; got {self.base_tilt_rad}')
        for name in ('coulomb_friction_n_m', 'viscous_friction_n_m_s_rad'):
            value = getattr(self, name)
            if len(value) != 6 or not all(0.0 <= entry <= 1e3 for entry in value):
                raise ConfigError(f'{name} are 6 numbers, 0 to 1000; got {value!r}')

    @property
    def gravity_base_m_s2(self) -> np.ndarray:
        """Real gravity in ``base``, shape (3,)."""
        tilt = rotation_from_vector(np.array((*self.base_tilt_rad, 0.0)))
        return tilt.T @ np.array((0.0, 0.0, -GRAVITY_M_S2))


def build_model(config: ArmConfig) -> mujoco.MjModel:
    """Return the compiled model of this arm."""
    model = load_ur5e(config.boxes)
    model.dof_damping[:] = config.viscous_friction_n_m_s_rad
    model.dof_frictionloss[:] = config.coulomb_friction_n_m
    payload = model.body('payload')
    mass_kg = max(config.payload_kg, MIN_PAYLOAD_KG)
    payload.mass[:] = mass_kg
    payload.ipos[:] = config.payload_centre_m
    # A solid sphere: 2/5 m r^2.
    payload.inertia[:] = 0.4 * mass_kg * PAYLOAD_RADIUS_M**2
    if config.dh_parameters is not UR5E_NOMINAL:
        _bend(model, config.dh_parameters)
    mujoco.mj_setConst(model, mujoco.MjData(model))
    return model


def _bend(model: mujoco.MjModel, parameters: DHParameters) -> None:
    """Move joint axes and flange to where these DH parameters have them.

    The bodies stay where the nominal parameters have them at zero joint angles; only the lines
    about which they turn move. So the hundreds of metres that factory calibrations hold in the
    nearly parallel axes 2 to 4 never reach the physics.
    """
    zero = np.zeros(6)
    real, nominal = Kinematics(parameters).frames(zero), Kinematics().frames(zero)
    for joint in range(6):
        body = nominal[joint + 1]
        axis, on_axis = real[joint, :3, 2], real[joint, :3, 3]
        # The point of the axis that is nearest to where the nominal joint is.
        near = nominal[joint, :3, 3] - on_axis
        point = on_axis + (near @ axis) * axis
        model.jnt_axis[joint] = body[:3, :3].T @ axis
        model.jnt_pos[joint] = body[:3, :3].T @ (point - body[:3, 3])
    site = model.site('tool0')
    flange = np.linalg.inv(nominal[6]) @ real[6]
    site.pos[:] = flange[:3, 3]
    mujoco.mju_mat2Quat(site.quat, np.ascontiguousarray(flange[:3, :3]).ravel())


class ArmKinematics:
    """Forward kinematics by MuJoCo: the model's own, and faster than numpy."""

    def __init__(self, model: mujoco.MjModel) -> None:
        """Use a model; nothing of the arm's state is touched.

        Args:
            model: of the arm.
        """
        self._model, self._data = model, mujoco.MjData(model)
        site = self._data.site('tool0')
        self._site_id = site.id
        self._position_m, self._rotation = site.xpos, site.xmat.reshape(3, 3)
        self._jacobian = np.zeros((6, 6))

    def tool_pose(self, joint_position_rad: np.ndarray) -> Pose:
        """Return the pose of ``tool0`` in ``base`` for joint angles of shape (6,)."""
        self._data.qpos[:] = joint_position_rad
        mujoco.mj_kinematics(self._model, self._data)
        return Pose(self._position_m.copy(), self._rotation.copy())

    def tool_pose_and_jacobian(self, joint_position_rad: np.ndarray) -> tuple[Pose, np.ndarray]:
        """Return the pose of ``tool0`` and its geometric Jacobian, shape (6, 6), in ``base``."""
        pose = self.tool_pose(joint_position_rad)
        mujoco.mj_comPos(self._model, self._data)
        mujoco.mj_jacSite(
            self._model, self._data, self._jacobian[:3], self._jacobian[3:], self._site_id)
        return pose, self._jacobian.copy()

    def dynamics(
        self, joint_position_rad: np.ndarray, joint_velocity_rad_s: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return mass matrix (6, 6) [kg m^2] and Coriolis and centrifugal torques (6,) [Nm]."""
        model, data = self._model, self._data
        data.qpos[:], data.qvel[:] = joint_position_rad, joint_velocity_rad_s
        mujoco.mj_forward(model, data)
        mass, at_rest = np.zeros((6, 6)), data.qfrc_bias.copy()
        mujoco.mj_fullM(model, data, mass)
        data.qvel[:] = 0.0
        mujoco.mj_forward(model, data)
        return mass, at_rest - data.qfrc_bias
