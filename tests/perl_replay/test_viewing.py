"""What the viewing files show exists: every topic, every field, in messages of the right type."""

import json
import os
from pathlib import Path
import re
import signal
import subprocess
import sys
import time

import numpy as np
from perl_core.contract import JOINT_NAMES, Contract
from perl_core.kinematics import Kinematics
from perl_msgs.msg import PolicyState
from perl_replay import view_node
from perl_replay.raw_queue_node import message_class
from perl_replay.topics import STACK_TOPICS
import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import JointState
from visualization_msgs.msg import MarkerArray
import yaml

PACKAGE = Path(__file__).parents[2] / 'ros2_ws' / 'src' / 'perl_replay'
VIEWED = {
    view_node.ARM: 'visualization_msgs/msg/MarkerArray',
    view_node.TOOL: 'geometry_msgs/msg/PoseStamped',
    view_node.GOAL: 'geometry_msgs/msg/PoseStamped',
}
TYPES = {**{topic.name: topic.type for topic in STACK_TOPICS}, **VIEWED}
SHOWS = {
    'rviz_default_plugins/MarkerArray': 'visualization_msgs/msg/MarkerArray',
    'rviz_default_plugins/Pose': 'geometry_msgs/msg/PoseStamped',
}
DOMAIN = 142


def layout():
    return json.loads((PACKAGE / 'viewing' / 'perl.foxglove.json').read_text())


def paths_in(value):
    """Yield every path of a message in a layout."""
    if isinstance(value, dict):
        for name, entry in value.items():
            if name in ('value', 'topicPath') and isinstance(entry, str):
                yield entry
            yield from paths_in(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from paths_in(entry)


def require_field(path):
    """Raise KeyError unless a path like /topic.field[2].inner leads to a field."""
    topic, *fields = path.split('.')
    type_name = TYPES[topic].replace('/msg/', '/')
    for field in fields:
        name, index = re.fullmatch(r'(\w+)(\[[\d:]+\])?', field).groups()
        package, message = type_name.split('/')
        types = message_class(f'{package}/msg/{message}').get_fields_and_field_types()
        element = re.sub(r'^sequence<(.*?)(, \d+)?>$|\[\d+\]$', r'\1', types[name])
        assert (index is not None) == (element != types[name]), f'{path}: {types[name]}'
        type_name = element


def test_every_path_of_the_layout_is_a_field():
    paths = list(paths_in(layout()['configById']))
    assert len(paths) > 25
    for path in paths:
        require_field(path)


@pytest.mark.parametrize('path', ['/joint_states.angle[0]', '/joint_states.position', '/none.a'])
def test_a_path_that_leads_nowhere_is_found(path):
    with pytest.raises((KeyError, AssertionError)):
        require_field(path)


def test_every_panel_is_configured_and_every_topic_in_3d_exists():
    content = layout()

    def panels(node):
        if isinstance(node, str):
            return {node}
        return panels(node['first']) | panels(node['second'])

    assert panels(content['layout']) == set(content['configById'])
    assert set(content['configById']['3D!arm']['topics']) == set(VIEWED)


def test_every_display_of_rviz_gets_its_type():
    manager = yaml.safe_load((PACKAGE / 'viewing' / 'perl.rviz').read_text())[
        'Visualization Manager'
    ]
    shown = {d['Topic']['Value']: d['Class'] for d in manager['Displays'] if 'Topic' in d}
    assert {topic: SHOWS[kind] for topic, kind in shown.items()} == VIEWED
    assert manager['Global Options']['Fixed Frame'] == view_node.FRAME


def test_the_view_draws_arm_and_goal_where_they_are(monkeypatch):
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    context = Context()
    rclpy.init(context=context, domain_id=DOMAIN)
    node = rclpy.create_node('stack', context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    seen = {}
    for topic, kind in VIEWED.items():
        node.create_subscription(
            message_class(kind), topic, lambda m, topic=topic: seen.update({topic: m}), 10
        )
    joints = node.create_publisher(JointState, '/joint_states', 10)
    policy = node.create_publisher(PolicyState, '/perl_controller/policy_state', 10)
    home_rad = np.array(Contract().home_rad)
    order = [3, 1, 0, 2, 5, 4]
    state = JointState(
        name=[JOINT_NAMES[i] for i in order], position=[float(home_rad[i]) for i in order]
    )
    process = subprocess.Popen(
        [sys.executable, '-m', 'perl_replay.view_node'], start_new_session=True,
        env={**os.environ, 'ROS_DOMAIN_ID': str(DOMAIN)},
    )
    try:
        deadline_s = time.monotonic() + 30.0
        while set(seen) != set(VIEWED) and time.monotonic() < deadline_s:
            joints.publish(state)
            policy.publish(PolicyState(gate=0.75, branch=PolicyState.BRANCH_STANDARD))
            executor.spin_once(timeout_sec=0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10.0) == 0
    finally:
        process.kill()
        process.wait()
        node.destroy_node()
        rclpy.shutdown(context=context)
    tool = Kinematics().tool_pose(home_rad)
    drawn = seen[view_node.TOOL].pose.position
    np.testing.assert_allclose((drawn.x, drawn.y, drawn.z), tool.position_m, atol=1e-9)
    markers: MarkerArray = seen[view_node.ARM]
    last = markers.markers[0].points[-1]
    np.testing.assert_allclose((last.x, last.y, last.z), tool.position_m, atol=1e-9)
    assert markers.markers[1].text in ('gate 0.75', 'no goal yet')
    assert seen[view_node.GOAL].header.frame_id == ''
