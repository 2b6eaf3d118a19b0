"""A window with the arm; it needs a screen."""

from collections.abc import Iterable

import mujoco.viewer
import numpy as np
from perl_sim.ur_controller.rendering import Puppet, camera


def show(postures_rad: Iterable[np.ndarray]) -> None:
    """Show a window until it is closed or the postures end.

    Args:
        postures_rad: joint angles as they come, each of shape (6,).
    """
    puppet, view = Puppet(), camera()
    with mujoco.viewer.launch_passive(puppet.model, puppet.data) as window:
        window.cam.lookat[:] = view.lookat
        window.cam.distance, window.cam.azimuth = view.distance, view.azimuth
        window.cam.elevation = view.elevation
        for joints_rad in postures_rad:
            if not window.is_running():
                return
            puppet.pose(joints_rad)
            window.sync()
