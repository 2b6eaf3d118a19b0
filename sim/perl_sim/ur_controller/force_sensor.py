"""The force sensor at the flange, and what touches the arm.

The wrench is that of the environment on the tool: force [N] and torque [Nm], shape (6,). Forces
by which a declared payload resists its own acceleration are left out, on both sides: the real
sensor compensates them.
"""

import mujoco
import numpy as np
from perl_core.kinematics import Pose
from perl_sim.ur_controller.arm_model import TOOL_BODIES, ArmConfig


class ForceSensor:
    """What the sensor feels beyond the flange."""

    def __init__(
        self, model: mujoco.MjModel, data: mujoco.MjData, config: ArmConfig
    ) -> None:
        """Feel with this arm.

        Args:
            model: of the arm.
            data: its present state.
            config: what really hangs at the flange.
        """
        self._model, self._data = model, data
        self._site = data.site('tool0')
        self._rotation = self._site.xmat.reshape(3, 3)
        self._tool_bodies = frozenset(model.body(name).id for name in TOOL_BODIES)
        self._weight_n = config.payload_kg * config.gravity_base_m_s2
        self._centre_m = np.array(config.payload_centre_m)
        self._declared_weight_n = np.zeros(3)
        self._declared_centre_m = np.zeros(3)
        self._zero = np.zeros(6)
        self._force6 = np.zeros(6)
        self._contact = np.zeros(6)
        self.bias = np.zeros(6)
        """Error of the sensor in ``tool0``; a fault sets it."""
        self.push = np.zeros(6)
        """What else acts at the flange: force and torque in ``base``; a fault sets it."""
        self.external: np.ndarray | None = None
        """What an external sensor reads in ``tool0``, if it takes the place of this one."""
        self.contact_force_n = 0.0
        """Sum of the forces of all contacts of the arm."""
        self.tool_touches = False
        """Whether the tool touches anything."""

    def declare(self, mass_kg: float, centre_m: np.ndarray, gravity_m_s2: np.ndarray) -> None:
        """Compensate the weight of this payload under this gravity."""
        self._declared_weight_n = mass_kg * gravity_m_s2
        self._declared_centre_m = np.array(centre_m, dtype=float)

    def zero(self) -> None:
        """Take what is felt now for nothing."""
        self._zero = self._zero + self.in_flange()

    def feel(self) -> None:
        """Add up the contacts of the present tick."""
        self.contact_force_n, self.tool_touches = 0.0, False
        if not self._data.ncon:
            return
        self._contact = np.zeros(6)
        for index in range(self._data.ncon):
            self._add_contact(index)

    def raw_in_flange(self) -> np.ndarray:
        """Return what the sensor itself reads, in ``tool0``; or the external one, if enabled."""
        if self.external is not None:
            return self.external + self.bias
        return self._total(self._weight_n, self._centre_m) + self.bias

    def in_flange(self) -> np.ndarray:
        """Return the wrench without declared payload and zero point, about ``tool0``, in it."""
        declared = _wrench(self._declared_centre_m, self._rotation.T @ self._declared_weight_n)
        return self.raw_in_flange() - declared - self._zero

    def force_in_base(self) -> np.ndarray:
        """Return the force on the tool in ``base``, shape (3,)."""
        return self._rotation @ self.in_flange()[:3]

    def at_tool(self, pose: Pose) -> np.ndarray:
        """Return the wrench about the tool centre point at this pose, in ``base``."""
        wrench = self.in_flange()
        force_n, torque_n_m = self._rotation @ wrench[:3], self._rotation @ wrench[3:]
        arm_m = self._site.xpos - pose.position_m
        return np.concatenate((force_n, torque_n_m + _cross(arm_m, force_n)))

    def _total(self, weight_n: np.ndarray, centre_m: np.ndarray) -> np.ndarray:
        into = self._rotation.T
        total = _wrench(centre_m, into @ weight_n)
        outside = self.push + self._contact if self.tool_touches else self.push
        total[:3] += into @ outside[:3]
        total[3:] += into @ outside[3:]
        return total

    def _add_contact(self, index: int) -> None:
        contact = self._data.contact[index]
        mujoco.mj_contactForce(self._model, self._data, index, self._force6)
        self.contact_force_n += float(np.linalg.norm(self._force6[:3]))
        first, second = (int(self._model.geom_bodyid[geom]) for geom in contact.geom)
        if (first in self._tool_bodies) == (second in self._tool_bodies):
            return
        self.tool_touches = True
        sign = 1.0 if second in self._tool_bodies else -1.0
        force_n = sign * contact.frame.reshape(3, 3).T @ self._force6[:3]
        self._contact += _wrench(contact.pos - self._site.xpos, force_n)


def _wrench(arm_m: np.ndarray, force_n: np.ndarray) -> np.ndarray:
    return np.concatenate((force_n, _cross(arm_m, force_n)))


def _cross(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    # numpy.cross takes ten times as long for two vectors.
    a, b, c = first.tolist()
    x, y, z = second.tolist()
    return np.array((b * z - c * y, c * x - a * z, a * y - b * x))
