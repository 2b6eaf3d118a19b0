"""Lets MuJoCo render without a screen. Import it before anything that imports mujoco.

mujoco reads MUJOCO_GL when it is imported, and takes a window system for granted without it.
"""

import os

if 'DISPLAY' not in os.environ and 'WAYLAND_DISPLAY' not in os.environ:
    os.environ.setdefault('MUJOCO_GL', 'egl')
