"""The UR5e: its constants, each with a source, and its compiled MuJoCo model.

``ur5e.xml`` holds the same numbers once more; a test compares the two in the compiled model.
Masses, centres of mass and inertia tensors are Universal Robots' own, given in the
Denavit-Hartenberg frame of each link (article "DH parameters for calculations of kinematics and
dynamics"; tensors: Universal_Robots_ROS2_Description, config/ur5e/physical_parameters.yaml).
"""

from collections.abc import Sequence
import math
from pathlib import Path

import mujoco
import numpy as np
from perl_sim.obstacles import Box

LINK_NAMES = (
    'shoulder_link', 'upper_arm_link', 'forearm_link',
    'wrist_1_link', 'wrist_2_link', 'wrist_3_link',
)
"""The moving links, in the order of the joints."""

LINK_MASS_KG = (3.761, 8.058, 2.846, 1.37, 1.3, 0.365)
"""Source: Universal Robots, "DH parameters ...", UR5e."""

LINK_CENTRE_OF_MASS_M = (
    (0.0, -0.02561, 0.00193),
    (0.2125, 0.0, 0.11336),
    (0.15, 0.0, 0.0265),
    (0.0, -0.0018, 0.01634),
    (0.0, 0.0018, 0.01634),
    (0.0, 0.0, -0.001159),
)
"""In each link's DH frame. Source: Universal Robots, "DH parameters ...", UR5e."""

LINK_INERTIA_KG_M2 = (
    (0.0070021, 0.00648091, 0.00657286, 7.3e-07, -1.053e-05, 0.00049994),
    (0.01505885, 0.33388086, 0.33247207, -5.4e-05, 5.63e-06, -1.81e-06),
    (0.00399632, 0.07879254, 0.0784851, -1.365e-05, 0.00137272, -6.6e-06),
    (0.00165491, 0.00135962, 0.00126279, -2.82e-06, -4.38e-06, 0.00010157),
    (0.00135617, 0.00127827, 0.00096614, -2.74e-06, 4.44e-06, -5.048e-05),
    (0.00018694, 0.00018908, 0.00025756, 6e-08, -1.7e-07, -9.2e-07),
)
"""xx, yy, zz, xy, xz, yz about the centre of mass, axes of each link's DH frame.
Source: Universal_Robots_ROS2_Description, config/ur5e/physical_parameters.yaml."""

JOINT_RANGE_RAD = 2.0 * math.pi
"""Every joint turns this far to either side. Source: UR5e data sheet (+-360 degrees)."""

MAX_JOINT_SPEED_RAD_S = math.pi
"""Source: UR5e data sheet (180 degrees per second, all joints)."""

MAX_JOINT_TORQUE_N_M = (150.0, 150.0, 150.0, 28.0, 28.0, 28.0)
"""Source: Universal Robots, article "Max. joint torques", UR5e."""

ARMATURE_KG_M2 = 0.1
"""Rotor inertia seen at the joint. Source: MuJoCo Menagerie's UR5e."""

DRIVE_STIFFNESS_N_M_RAD = (14400.0, 14400.0, 14400.0, 1500.0, 1500.0, 1500.0)
"""kp of the drives. Own choice: 60 rad/s with 4 kg m^2, the stretched arm about its shoulder;
122 rad/s with the armature alone at the wrist. A payload of 1 kg bends a joint by under 1 mrad."""

DRIVE_DAMPING_N_M_S_RAD = (480.0, 480.0, 480.0, 25.0, 25.0, 25.0)
"""kv of the drives. Own choice: critical damping, 2 sqrt(kp M), for the inertias above."""

TIMESTEP_S = 0.002
"""One tick of the controller. Source: Universal Robots RTDE guide (500 Hz, e-Series)."""

BASE_RADIUS_M = 0.0745
"""Source: UR5e data sheet (footprint of 149 mm). The radii of the capsules are own estimates:
one capsule a link, 120 and 100 mm wide for the arm, 80 mm for the wrists."""

FEEDFORWARD_S = tuple(
    kv / kp for kp, kv in zip(DRIVE_STIFFNESS_N_M_RAD, DRIVE_DAMPING_N_M_S_RAD, strict=True)
)
"""Seconds by which a drive looks ahead along the reference velocity; see ``drive_command``."""

_FEEDFORWARD_S = np.array(FEEDFORWARD_S)
_BOX_COLOUR = (0.8, 0.45, 0.2, 1.0)
_MODEL_FILE = Path(__file__).with_name('ur5e.xml')


def load_ur5e(boxes: Sequence[Box] = ()) -> mujoco.MjModel:
    """Return a new compiled model: six hinge joints and six drives, named as the contract's.

    Its world frame is UR's ``base``; the site ``tool0`` is the flange of ``perl_core.kinematics``.
    The weight of the links is compensated, as the robot's controller does; that of the body
    ``payload`` (1 mg until changed) is not.

    Args:
        boxes: what else stands on the table.
    """
    spec = mujoco.MjSpec.from_file(str(_MODEL_FILE))
    for box in boxes:
        spec.worldbody.add_geom(
            name=box.name,
            type=mujoco.mjtGeom.mjGEOM_BOX,
            pos=box.centre_base_m,
            size=box.half_size_m,
            rgba=_BOX_COLOUR,
        )
    return spec.compile()


def drive_command(
    reference_rad: np.ndarray, reference_velocity_rad_s: np.ndarray
) -> np.ndarray:
    """Return ``ctrl`` of the drives for a reference position and its velocity, shape (..., 6).

    kp (ctrl - q) - kv qd = kp (reference - q) + kv (reference velocity - qd): a drive that
    follows a steady motion without lag.
    """
    return reference_rad + _FEEDFORWARD_S * reference_velocity_rad_s
