"""``python -m perl_replay.bench_publisher_node``: joint and policy states at steady rates.

Stands in for the stack when the recorder is measured. Waits for the recorder, says so, publishes,
and prints one JSON object: how many messages there were of each topic.
"""

import argparse
from array import array
import json
import sys
import time

from perl_core.contract import ACTION_SIZE, JOINT_NAMES, OBSERVATION_SIZE
from perl_msgs.msg import PolicyState
import rclpy
from rclpy.qos import QoSProfile
from sensor_msgs.msg import JointState

from perl_replay.topics import JOINT_STATES, POLICY_STATE

JOINT_RATE_HZ, POLICY_RATE_HZ = 500, 50
READY = 'ready'
_DEPTH = 50
"""As the controller's topics have it."""
_WAIT_S = 30.0


def main() -> int:
    """Publish until it is over or standard output is closed; 1 if no recorder came."""
    parser = argparse.ArgumentParser(prog='python -m perl_replay.bench_publisher_node')
    parser.add_argument('--for', type=float, dest='for_s', default=10.0, metavar='SECONDS')
    duration_s = parser.parse_args().for_s
    rclpy.init()
    node = rclpy.create_node('perl_bench_publisher')
    joints = node.create_publisher(JointState, JOINT_STATES, QoSProfile(depth=_DEPTH))
    policy = node.create_publisher(PolicyState, POLICY_STATE, QoSProfile(depth=_DEPTH))
    deadline_s = time.monotonic() + _WAIT_S
    while not (joints.get_subscription_count() and policy.get_subscription_count()):
        if time.monotonic() > deadline_s:
            sys.stderr.write(f'bench: no recorder within {_WAIT_S:.0f} s\n')
            return 1
        time.sleep(0.01)
    # The recorder may learn of this node a little later than this node of the recorder.
    time.sleep(1.0)
    _say(READY)
    joint_count, policy_count = 0, 0
    start_s = time.monotonic()
    for tick in range(round(duration_s * JOINT_RATE_HZ)):
        joints.publish(_stamped(JointState(
            name=list(JOINT_NAMES), position=array('d', [float(tick)] * 6),
            velocity=array('d', [0.1] * 6),
        )))
        joint_count += 1
        if tick % (JOINT_RATE_HZ // POLICY_RATE_HZ) == 0:
            policy.publish(_stamped(PolicyState(
                tick=tick, observation=array('f', [0.1] * OBSERVATION_SIZE),
                action=array('f', [0.1] * ACTION_SIZE),
            )))
            policy_count += 1
        time.sleep(max(start_s + (tick + 1) / JOINT_RATE_HZ - time.monotonic(), 0.0))
    took_s = time.monotonic() - start_s
    joints.wait_for_all_acked()
    policy.wait_for_all_acked()
    _say(json.dumps({JOINT_STATES: joint_count, POLICY_STATE: policy_count, 'took_s': took_s}))
    rclpy.try_shutdown()
    return 0


def _stamped(message: JointState | PolicyState) -> JointState | PolicyState:
    stamp = message.header.stamp
    stamp.sec, stamp.nanosec = divmod(time.time_ns(), 1_000_000_000)
    return message


def _say(line: str) -> None:
    sys.stdout.write(f'{line}\n')
    sys.stdout.flush()


if __name__ == '__main__':
    sys.exit(main())
