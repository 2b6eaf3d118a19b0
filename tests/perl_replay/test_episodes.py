"""Episodes: which goals are returns home."""

from geometry_msgs.msg import Pose
import numpy as np
from perl_core.contract import Contract
from perl_core.kinematics import Kinematics
from perl_core.rotation import quaternion_from_rotation
from perl_msgs.msg import ReachEvent
from perl_replay.episodes import EpisodeCollector
from perl_replay.objections import Objections
import pytest


def pose_of(joint_position_rad, sign=1.0):
    tool, pose = Kinematics().tool_pose(np.array(joint_position_rad)), Pose()
    pose.position.x, pose.position.y, pose.position.z = map(float, tool.position_m)
    x, y, z, w = (sign * float(part) for part in quaternion_from_rotation(tool.rotation))
    pose.orientation.x, pose.orientation.y, pose.orientation.z, pose.orientation.w = x, y, z, w
    return pose


@pytest.mark.parametrize(('wrist_3_rad', 'sign', 'to_home'), [
    (0.0, 1.0, True), (0.0, -1.0, True), (0.05, 1.0, False),
])
def test_a_return_is_a_goal_at_the_home_pose(wrist_3_rad, sign, to_home):
    joints = [*Contract().home_rad[:5], Contract().home_rad[5] + wrist_3_rad]
    episodes = EpisodeCollector(Objections())
    episodes.add_event(ReachEvent(event=255, goal=pose_of(joints, sign)), 0)
    (episode,) = episodes.take_all()
    assert episode.to_home is to_home
