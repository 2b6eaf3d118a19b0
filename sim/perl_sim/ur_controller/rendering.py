"""Pictures of the arm at given joint angles."""

from pathlib import Path

import mujoco
import numpy as np
from perl_core.contract import JOINT_NAMES
from perl_core.errors import ConfigError
from perl_sim.robots.ur5e import load_ur5e
from PIL import Image

LOOK_AT_M = (0.0, 0.0, 0.35)
"""The camera looks there; distance and angles show the whole workspace. Own choice."""
DISTANCE_M = 2.0
AZIMUTH_DEG, ELEVATION_DEG = 135.0, -20.0
STILL_TYPES = ('.png', '.jpg')
MOVING_TYPES = ('.webp', '.gif')
COLOURS = 256
"""Of a frame that waits to be written: a third of the memory of a full one."""


def camera() -> mujoco.MjvCamera:
    """Return the camera from which the arm is seen."""
    made = mujoco.MjvCamera()
    made.lookat[:] = LOOK_AT_M
    made.distance, made.azimuth, made.elevation = DISTANCE_M, AZIMUTH_DEG, ELEVATION_DEG
    return made


class Puppet:
    """A model of the arm that takes any posture."""

    def __init__(self) -> None:
        """Load the model."""
        self.model = load_ur5e()
        self.data = mujoco.MjData(self.model)
        self._joints = [self.model.joint(name).qposadr[0] for name in JOINT_NAMES]

    def pose(self, joints_rad: np.ndarray) -> None:
        """Take these joint angles, shape (6,)."""
        self.data.qpos[self._joints] = joints_rad
        mujoco.mj_forward(self.model, self.data)


class Painter:
    """Renders a puppet."""

    def __init__(self, width: int = 480, height: int = 360) -> None:
        """Open a renderer.

        Args:
            width: of the pictures in pixels.
            height: likewise.
        """
        self._puppet = Puppet()
        self._renderer = mujoco.Renderer(self._puppet.model, height, width)
        self._camera = camera()

    def paint(self, joints_rad: np.ndarray) -> Image.Image:
        """Return a picture of the arm at these joint angles, shape (6,)."""
        self._puppet.pose(joints_rad)
        self._renderer.update_scene(self._puppet.data, self._camera)
        return Image.fromarray(self._renderer.render())

    def close(self) -> None:
        """Release what the renderer holds."""
        self._renderer.close()


def require_file_type(path: Path) -> None:
    """Raise ConfigError unless a picture or a film can be written to such a file."""
    if path.suffix not in (*STILL_TYPES, *MOVING_TYPES):
        raise ConfigError(
            f'a picture ends in {" or ".join(STILL_TYPES)}, a film in '
            f'{" or ".join(MOVING_TYPES)}; got {path.name!r}')


def write_film(path: Path, frames: list[Image.Image], durations_s: np.ndarray) -> None:
    """Write an animation.

    Args:
        path: of the file.
        frames: one at least.
        durations_s: how long each is shown.
    """
    frames[0].save(path, save_all=True, append_images=frames[1:], loop=0,
                   duration=[round(duration_s * 1000.0) for duration_s in durations_s.tolist()])
