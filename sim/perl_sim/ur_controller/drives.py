"""The six drives: they follow positions, or for a tick at a time torques (direct_torque)."""

import mujoco
import numpy as np
from perl_sim.robots.ur5e import DRIVE_DAMPING_N_M_S_RAD, DRIVE_STIFFNESS_N_M_RAD
from perl_sim.ur_controller.arm_model import ArmConfig

_STIFFNESS_N_M_RAD = np.array(DRIVE_STIFFNESS_N_M_RAD)
_DAMPING_N_M_S_RAD = np.array(DRIVE_DAMPING_N_M_S_RAD)


class Drives:
    """What turns the joints."""

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData, config: ArmConfig) -> None:
        """Follow positions.

        Args:
            model: of the arm.
            data: its state, to whose controls the drives write.
            config: has the friction.
        """
        self._model, self._data = model, data
        self._coulomb_n_m = np.array(config.coulomb_friction_n_m)
        self._viscous_n_m_s_rad = np.array(config.viscous_friction_n_m_s_rad)
        self._torque_n_m: np.ndarray | None = None
        self._gives_torque = False

    def command_torque(
        self, torque_n_m: np.ndarray, viscous_share: np.ndarray, coulomb_share: np.ndarray
    ) -> None:
        """Give these torques in the coming tick, beyond weight compensation.

        Args:
            torque_n_m: shape (6,).
            viscous_share: of viscous friction that the drives compensate, 0 to 1, shape (6,).
            coulomb_share: likewise of Coulomb friction.
        """
        self._torque_n_m = torque_n_m
        self._model.dof_damping[:] = (1.0 - viscous_share) * self._viscous_n_m_s_rad
        self._model.dof_frictionloss[:] = (1.0 - coulomb_share) * self._coulomb_n_m

    def act(self, command_rad: np.ndarray) -> bool:
        """Write this tick's controls; return whether they follow a position."""
        torque_n_m, self._torque_n_m = self._torque_n_m, None
        if (torque_n_m is not None) != self._gives_torque:
            self._switch(torque_n_m is not None)
        self._data.ctrl[:] = command_rad if torque_n_m is None else torque_n_m
        return torque_n_m is None

    def _switch(self, gives_torque: bool) -> None:
        self._gives_torque = gives_torque
        model = self._model
        if gives_torque:
            model.actuator_gainprm[:, 0] = 1.0
            model.actuator_biasprm[:, 1:3] = 0.0
            return
        model.actuator_gainprm[:, 0] = _STIFFNESS_N_M_RAD
        model.actuator_biasprm[:, 1] = -_STIFFNESS_N_M_RAD
        model.actuator_biasprm[:, 2] = -_DAMPING_N_M_S_RAD
        model.dof_damping[:] = self._viscous_n_m_s_rad
        model.dof_frictionloss[:] = self._coulomb_n_m
