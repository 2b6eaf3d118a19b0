"""Is the arm, in a given configuration, clear of itself, of the table and of the boxes on it?"""

from collections.abc import Sequence

import mujoco
import numpy as np
from perl_sim.obstacles import Box
from perl_sim.robots.ur5e import load_ur5e


class CollisionChecker:
    """Checks single configurations; holds a model of its own."""

    def __init__(self, clearance_m: float = 0.0, boxes: Sequence[Box] = ()) -> None:
        """Compile the model.

        Args:
            clearance_m: bodies closer than this count as in collision.
            boxes: what stands on the table.
        """
        self._model = load_ur5e(boxes)
        # A contact exists where the distance is below the sum of the two geoms' margins.
        self._model.geom_margin[:] = 0.5 * clearance_m
        self._data = mujoco.MjData(self._model)

    def is_free(self, joint_position_rad: np.ndarray) -> bool:
        """Return whether nothing touches at these joint angles, shape (6,)."""
        self._data.qpos[:] = joint_position_rad
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_collision(self._model, self._data)
        return self._data.ncon == 0
