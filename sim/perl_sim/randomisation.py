"""What differs from one episode to the next, so that a policy does not rely on it."""

import dataclasses
from typing import NamedTuple

import mujoco
import numpy as np
from perl_core.contract import Contract
from perl_core.errors import ConfigError
from perl_core.rotation import rotation_from_vector
from perl_sim.robots.ur5e import DRIVE_STIFFNESS_N_M_RAD, LINK_NAMES, MAX_JOINT_TORQUE_N_M
from perl_sim.servo import ServoParameters

GRAVITY_M_S2 = (0.0, 0.0, -9.80665)
"""Standard gravity. Source: CGPM 1901."""

MIN_PAYLOAD_KG = 1e-6
"""MuJoCo wants every moving body to have a mass."""

PAYLOAD_RADIUS_M = 0.05
"""The payload is a sphere that hangs on the flange; own choice."""

FULL_FRICTION_RAD_S = 0.02
"""Joint speed from which Coulomb friction acts in (nearly) full; own choice."""

_STIFFNESS_N_M_RAD = np.array(DRIVE_STIFFNESS_N_M_RAD)

Range = tuple[float, float]


class Dynamics(NamedTuple):
    """What one episode is made of."""

    servo: ServoParameters
    """How servoJ answers."""
    joint_friction_n_m: np.ndarray
    """Coulomb friction that the drives' own compensation leaves, shape (6,)."""
    joint_damping_n_m_s_rad: np.ndarray
    """Viscous friction that it leaves, shape (6,)."""
    payload_kg: float
    """Mass at the flange, of which the controller does not know."""
    gravity_base_m_s2: np.ndarray
    """Shape (3,); the controller believes that it is along -z."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomisationConfig:
    """Ranges, each drawn uniformly. The widths are own choices around what is published."""

    delay_ticks: tuple[int, int] = (1, 4)
    """Transport of a target [control ticks], both ends included."""
    lookahead_scale: Range = (0.8, 1.3)
    """Factor on the contract's lookahead, which is also that of 1 / gain."""
    friction_share: Range = (0.0, 0.02)
    """Coulomb friction as a share of each joint's greatest torque."""
    damping_share_s_rad: Range = (0.0, 0.02)
    """Viscous friction per rad/s as a share of each joint's greatest torque."""
    payload_kg: Range = (0.0, 1.0)
    """Mass at the flange that nobody told the controller about."""
    base_tilt_rad: Range = (0.0, 0.0)
    """Tilt of base and table together, about a random horizontal axis; off."""
    position_noise_rad: float = 1e-4
    """Standard deviation of the measured joint position."""
    velocity_noise_rad_s: float = 1e-3
    """Standard deviation of the measured joint velocity."""

    def __post_init__(self) -> None:
        """Refuse ranges that are upside down or negative."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            low, high = value if isinstance(value, tuple) else (value, value)
            if not 0.0 <= low <= high:
                raise ConfigError(f'{field.name} must be 0 <= low <= high; got {value!r}')

    @classmethod
    def nominal(cls) -> 'RandomisationConfig':
        """Return the configuration in which nothing varies."""
        return cls(
            delay_ticks=(2, 2), lookahead_scale=(1.0, 1.0), friction_share=(0.0, 0.0),
            damping_share_s_rad=(0.0, 0.0), payload_kg=(0.0, 0.0),
            position_noise_rad=0.0, velocity_noise_rad_s=0.0,
        )

    def draw(self, generator: np.random.Generator, contract: Contract) -> Dynamics:
        """Return the dynamics of one episode."""
        low, high = self.delay_ticks
        servo = ServoParameters(
            lookahead_s=contract.servo_lookahead_s * generator.uniform(*self.lookahead_scale),
            gain=contract.servo_gain,
            delay_ticks=int(generator.integers(low, high + 1)),
            control_rate_hz=contract.control_rate_hz,
        )
        torque_n_m = np.array(MAX_JOINT_TORQUE_N_M)
        heading_rad = generator.uniform(-np.pi, np.pi)
        tilt_rad = generator.uniform(*self.base_tilt_rad)
        tilt = tilt_rad * np.array((np.cos(heading_rad), np.sin(heading_rad), 0.0))
        return Dynamics(
            servo,
            torque_n_m * generator.uniform(*self.friction_share, size=6),
            torque_n_m * generator.uniform(*self.damping_share_s_rad, size=6),
            generator.uniform(*self.payload_kg),
            rotation_from_vector(tilt) @ np.array(GRAVITY_M_S2),
        )


def apply_dynamics(model: mujoco.MjModel, data: mujoco.MjData, dynamics: Dynamics) -> None:
    """Make the model and its (freshly reset) data follow these dynamics.

    Everything but the servo and Coulomb friction, which act on the command (``friction_shift``).
    The controller compensates the weight of the links for an upright base: what a tilt leaves of
    it acts as a force on each link.
    """
    model.dof_damping[:] = dynamics.joint_damping_n_m_s_rad
    model.opt.gravity[:] = dynamics.gravity_base_m_s2
    payload = model.body('payload')
    mass_kg = max(dynamics.payload_kg, MIN_PAYLOAD_KG)
    payload.mass[:] = mass_kg
    # A solid sphere: 2/5 m r^2.
    payload.inertia[:] = 0.4 * mass_kg * PAYLOAD_RADIUS_M**2
    mujoco.mj_setConst(model, data)
    not_compensated = dynamics.gravity_base_m_s2 - np.array(GRAVITY_M_S2)
    for name in LINK_NAMES:
        body = model.body(name)
        data.xfrc_applied[body.id, :3] = body.mass[0] * not_compensated


def friction_shift(dynamics: Dynamics, reference_velocity_rad_s: np.ndarray) -> np.ndarray:
    """Return the shift of the drives' ``ctrl`` that acts like Coulomb friction.

    Friction against the reference's velocity, which the arm follows closely. As constraints of
    MuJoCo's solver, six frictions would cost a tenth of the environment's speed.

    Args:
        dynamics: gives the torques.
        reference_velocity_rad_s: shape (..., 6).

    Returns:
        Shape (..., 6) [rad].
    """
    sag_rad = dynamics.joint_friction_n_m / _STIFFNESS_N_M_RAD
    return -sag_rad * np.tanh(reference_velocity_rad_s / FULL_FRICTION_RAD_S)
