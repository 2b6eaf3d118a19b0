"""What hangs at the flange and pulls at the arm, and what the controller believes of it.

The controller carries the weight of the links and of the declared payload under the gravity that
it believes in; the drives bear what is left, and bend for it.
"""

import mujoco
import numpy as np
from perl_sim.robots.ur5e import LINK_NAMES
from perl_sim.ur_controller.arm_model import GRAVITY_M_S2, ArmConfig
from perl_sim.ur_controller.force_sensor import ForceSensor


class Load:
    """Payload, gravity and pushes."""

    def __init__(
        self, model: mujoco.MjModel, data: mujoco.MjData, config: ArmConfig, sensor: ForceSensor
    ) -> None:
        """Believe in an upright base and in no payload.

        Args:
            model: of the arm.
            data: its present state.
            config: what is real.
            sensor: is told what is declared; holds the push of a fault.
        """
        self._model, self._data, self._sensor = model, data, sensor
        self._true_gravity_m_s2 = config.gravity_base_m_s2
        self._bodies = np.array([model.body(name).id for name in (*LINK_NAMES, 'payload')])
        self._payload, self._wrist = int(self._bodies[-1]), int(self._bodies[-2])
        self._jacobian_m = np.zeros((3, 6))
        self._was_pushed = False
        self.mass_kg = 0.0
        """Declared."""
        self.centre_m = np.zeros(3)
        """Declared, in ``tool0``."""
        self.gravity_m_s2 = np.array((0.0, 0.0, -GRAVITY_M_S2))
        """Believed, in ``base``."""
        self.compensation_n_m = np.zeros(6)
        """Joint torques that carry the declared payload."""
        self.believe(self.gravity_m_s2)

    def declare(self, mass_kg: float, centre_m: np.ndarray) -> None:
        """Carry the weight of this payload from now on."""
        self.mass_kg, self.centre_m = mass_kg, np.array(centre_m, dtype=float)
        self._sensor.declare(mass_kg, self.centre_m, self.gravity_m_s2)
        if not mass_kg:
            self.compensation_n_m = np.zeros(6)
            self._data.qfrc_applied[:] = 0.0

    def believe(self, gravity_m_s2: np.ndarray) -> None:
        """Carry weights under this gravity from now on."""
        self.gravity_m_s2 = np.array(gravity_m_s2, dtype=float)
        self._model.opt.gravity[:] = self.gravity_m_s2
        # What real gravity has beyond the believed one acts on every link.
        error_m_s2 = self._true_gravity_m_s2 - self.gravity_m_s2
        masses_kg = self._model.body_mass[self._bodies]
        self._errors_n = masses_kg[:, None] * error_m_s2
        self._data.xfrc_applied[self._bodies, :3] = self._errors_n
        self._sensor.declare(self.mass_kg, self.centre_m, self.gravity_m_s2)

    def act(self) -> None:
        """Apply this tick's forces."""
        if self.mass_kg:
            self._carry()
        push = self._sensor.push
        if self._was_pushed or push.any():
            self._push(push)

    def _carry(self) -> None:
        data = self._data
        site = data.site('tool0')
        point_m = site.xpos + site.xmat.reshape(3, 3) @ self.centre_m
        mujoco.mj_jac(self._model, data, self._jacobian_m, None, point_m, self._payload)
        self.compensation_n_m = self._jacobian_m.T @ (-self.mass_kg * self.gravity_m_s2)
        data.qfrc_applied[:] = self.compensation_n_m

    def _push(self, push: np.ndarray) -> None:
        data = self._data
        arm_m = data.site('tool0').xpos - data.xipos[self._wrist]
        wrench = data.xfrc_applied[self._wrist]
        wrench[:3] = self._errors_n[-2] + push[:3]
        wrench[3:] = push[3:] + np.cross(arm_m, push[:3])
        self._was_pushed = bool(push.any())
