"""Node ``perl_view``: arm, tool and goal as RViz and Foxglove can draw them.

Apart from the stack, so that nothing waits for a viewer: start it where somebody looks.
"""

import sys
from typing import NoReturn

from geometry_msgs.msg import Point, Pose, PoseStamped, Quaternion
import numpy as np
from perl_core.contract import JOINT_NAMES
from perl_core.errors import PerlError
from perl_core.kinematics import Kinematics
from perl_core.kinematics import Pose as PoseInBase
from perl_core.rotation import quaternion_from_rotation
from perl_msgs.msg import PolicyState
from perl_safety.process_node import StopRequests, run_process
import rclpy
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from calibration.loader import load_calibration
from perl_replay.topics import JOINT_STATES, POLICY_STATE

ARM, TOOL, GOAL = '/perl_view/arm', '/perl_view/tool', '/perl_view/goal'
FRAME = 'base'
_RATE_HZ = 25.0
_ROUND_S = 0.1
_LINK_M = 0.06
"""How thick links are drawn. Own choice."""
_BLUE = ColorRGBA(r=0.0, g=0.45, b=0.70, a=1.0)
_ORANGE = ColorRGBA(r=0.90, g=0.60, b=0.0, a=1.0)
"""Of the equivariant and the standard branch; told apart by all eyes (Okabe and Ito, 2008)."""


class View(Node):
    """Draws what it hears, at a rate that eyes can follow."""

    def __init__(self) -> None:
        """Subscribe and publish.

        Raises:
            CalibrationError: the calibration cannot be read.
        """
        super().__init__('perl_view')
        calibrated = self.declare_parameter('kinematics_params_file', '').value
        self._kinematics = (
            load_calibration(calibrated).kinematics if calibrated else Kinematics()
        )
        self._joints: JointState | None = None
        self._policy: PolicyState | None = None
        self._arm = self.create_publisher(MarkerArray, ARM, 10)
        self._tool = self.create_publisher(PoseStamped, TOOL, 10)
        self._goal = self.create_publisher(PoseStamped, GOAL, 10)
        self.create_subscription(JointState, JOINT_STATES, self._on_joints, 10)
        self.create_subscription(PolicyState, POLICY_STATE, self._on_policy, 10)
        self.create_timer(1.0 / _RATE_HZ, self._draw)

    def _on_joints(self, joints: JointState) -> None:
        if set(joints.name) == set(JOINT_NAMES) and len(joints.position) == len(JOINT_NAMES):
            self._joints = joints

    def _on_policy(self, policy: PolicyState) -> None:
        self._policy = policy

    def _draw(self) -> None:
        """Publish what has changed since the last time."""
        joints, self._joints = self._joints, None
        if joints is not None:
            by_name = dict(zip(joints.name, joints.position, strict=True))
            frames = self._kinematics.frames(np.array([by_name[name] for name in JOINT_NAMES]))
            header = Header(stamp=joints.header.stamp, frame_id=FRAME)
            tool = PoseInBase(frames[-1, :3, 3], frames[-1, :3, :3])
            self._tool.publish(PoseStamped(header=header, pose=_pose_message(tool)))
            self._arm.publish(_markers(header, frames, self._policy))
        if self._policy is not None:
            self._goal.publish(PoseStamped(header=self._policy.header, pose=self._policy.goal))


def _pose_message(pose: PoseInBase) -> Pose:
    x, y, z = pose.position_m.tolist()
    qx, qy, qz, qw = quaternion_from_rotation(pose.rotation).tolist()
    return Pose(
        position=Point(x=x, y=y, z=z), orientation=Quaternion(x=qx, y=qy, z=qz, w=qw)
    )


def _markers(header: Header, frames: np.ndarray, policy: PolicyState | None) -> MarkerArray:
    """Return the arm as a line through its frames, in the colour of the acting branch."""
    standard = policy is not None and policy.branch == PolicyState.BRANCH_STANDARD
    arm = Marker(header=header, ns='arm', id=0, type=Marker.LINE_STRIP, action=Marker.ADD)
    arm.color, arm.scale.x = _ORANGE if standard else _BLUE, _LINK_M
    arm.points = [Point(x=x, y=y, z=z) for x, y, z in frames[:, :3, 3].tolist()]
    text = Marker(header=header, ns='gate', id=0, type=Marker.TEXT_VIEW_FACING)
    text.pose.position = Point(x=0.0, y=0.0, z=1.1)
    text.color, text.scale.z = ColorRGBA(r=0.5, g=0.5, b=0.5, a=1.0), 0.08
    text.text = 'no goal yet' if policy is None else f'gate {policy.gate:.2f}'
    return MarkerArray(markers=[arm, text])


def main() -> NoReturn:
    """Draw until SIGTERM or SIGINT."""
    run_process(_run)


def _run(stop_requests: StopRequests) -> int:
    """Draw until a stop is requested; return the exit status."""
    try:
        view = View()
    except PerlError as error:
        sys.stderr.write(f'perl_view: {error}\n')
        return 1
    while not stop_requests:
        rclpy.spin_once(view, timeout_sec=_ROUND_S)
    return 0


if __name__ == '__main__':
    main()
