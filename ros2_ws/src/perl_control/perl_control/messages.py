"""Telemetry records -> ROS messages. No node here: only data."""

from array import array

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from geometry_msgs.msg import Point, Pose, Quaternion
import numpy as np
from perl_core.contract import JOINT_NAMES
from perl_core.kinematics import Pose as PoseInBase
from perl_core.observation import reach_errors
from perl_core.rotation import quaternion_from_rotation
from perl_msgs.msg import (
    ControllerState,
    JointCommand,
    LoopTiming,
    PolicyState,
    SafetyState,
)
from perl_safety.severity import Severity
from sensor_msgs.msg import JointState

FRAME = 'base'
NANOSECONDS = 1_000_000_000
WARN_STATE_AGE_US = 10_000.0
"""Five missed states; the limits for holding and stopping are the filter's."""


def time_message(ros_ns: int) -> Time:
    """Return a time as ROS writes it."""
    return Time(sec=ros_ns // NANOSECONDS, nanosec=ros_ns % NANOSECONDS)


def pose_message(pose: PoseInBase) -> Pose:
    """Return a pose of tool0."""
    x, y, z = pose.position_m.tolist()
    qx, qy, qz, qw = quaternion_from_rotation(pose.rotation).tolist()
    return Pose(
        position=Point(x=x, y=y, z=z), orientation=Quaternion(x=qx, y=qy, z=qz, w=qw)
    )


class Messages:
    """Builds messages; converts times of the loop to ROS time."""

    def __init__(self, robot_ip: str, bundle_sha256: str, shadow: bool = False) -> None:
        """Note what every state message says.

        Args:
            robot_ip: address of the robot.
            bundle_sha256: of the policy's manifest.
            shadow: the arm is sent nothing.
        """
        self._robot_ip, self._bundle_sha256 = robot_ip, bundle_sha256
        self._shadow = shadow
        self.offset_ns = 0
        """ROS time minus time.monotonic_ns()."""
        self._joints = JointState(name=list(JOINT_NAMES))
        self._command = JointCommand(name=list(JOINT_NAMES))

    def stamp(self, monotonic_ns: int) -> Time:
        """Return ROS time for a time of the loop."""
        return time_message(int(monotonic_ns) + self.offset_ns)

    def joint_state(self, record: np.void) -> JointState:
        """Return the measured joints; the message is used again by the next call."""
        message = self._joints
        message.header.stamp = self.stamp(record['deadline_ns'])
        message.position = array('d', record['measured_rad'].tobytes())
        message.velocity = array('d', record['measured_rad_s'].tobytes())
        return message

    def joint_command(self, record: np.void, limited: bool) -> JointCommand:
        """Return asked and sent targets; the message is used again by the next call."""
        message = self._command
        message.header.stamp = self.stamp(record['deadline_ns'])
        message.tick = int(record['tick'])
        message.asked_rad = record['asked_rad']
        message.sent_rad = record['sent_rad']
        message.measured_rad = record['measured_rad']
        message.limited = limited
        return message

    def policy_state(self, record: np.void) -> PolicyState:
        """Return what the policy saw and said."""
        errors = reach_errors(record['observation'])
        message = PolicyState(
            tick=int(record['tick']),
            goal_id=record['goal_id'],
            goal=pose_message(PoseInBase(record['goal_position_m'], record['goal_rotation'])),
            observation=array('f', record['observation'].tobytes()),
            action=array('f', record['action'].tobytes()),
            gate=float(record['gate']),
            branch=int(record['branch']),
            shadow=bool(record['shadow']),
            position_error_m=float(errors.position_m),
            rotation_error_rad=float(errors.rotation_rad),
            inference_us=float(record['inference_us']),
        )
        message.header.stamp = self.stamp(record['deadline_ns'])
        message.header.frame_id = FRAME
        return message

    def loop_timing(self, records: np.ndarray) -> LoopTiming:
        """Return the timing of consecutive ticks."""
        last = records[-1]
        message = LoopTiming(
            first_tick=int(records['tick'][0]),
            lateness_us=array('f', records['lateness_us'].tobytes()),
            work_us=array('f', records['work_us'].tobytes()),
            state_age_us=array('f', records['state_age_us'].tobytes()),
            overruns=int(last['overruns']),
            skipped=int(last['skipped']),
            policy_misses=int(last['policy_misses']),
        )
        message.header.stamp = self.stamp(last['deadline_ns'])
        return message

    def controller_state(self, record: np.void) -> ControllerState:
        """Return what the loop is doing."""
        stopped = record['severity'] == Severity.STOP
        message = ControllerState(
            state=int(record['state']),
            reason=record['reasons'].decode(errors='replace') if stopped else '',
            bundle_sha256=self._bundle_sha256,
            robot_ip=self._robot_ip,
            robot_mode=int(record['robot_mode']),
            safety_mode=int(record['safety_mode']),
            safety_status_bits=int(record['safety_status_bits']),
            runtime_state=int(record['runtime_state']),
            speed_scaling=float(record['speed_scaling']),
            speed_scale=float(record['speed_scale']),
            shadow=self._shadow,
        )
        message.header.stamp = self.stamp(record['deadline_ns'])
        return message

    def without_loop(self, state: int, reason: str, now_ns: int) -> ControllerState:
        """Return the state of a controller whose loop does not run."""
        message = ControllerState(
            state=state, reason=reason, bundle_sha256=self._bundle_sha256,
            robot_ip=self._robot_ip, shadow=self._shadow,
        )
        message.header.stamp = self.stamp(now_ns)
        return message

    def safety_state(self, record: np.void) -> SafetyState:
        """Return the state of the filter."""
        reasons = record['reasons'].decode(errors='replace')
        message = SafetyState(
            source='filter',
            severity=int(record['severity']),
            reasons=reasons.split('; ') if reasons else [],
            limited_ticks=int(record['limited_ticks']),
            stops=int(record['stops']),
        )
        message.header.stamp = self.stamp(record['deadline_ns'])
        return message


def timing_diagnostics(records: np.ndarray, lost: int, robot_ip: str) -> DiagnosticStatus:
    """Return the loop's timing of the last second as REP-107 diagnostics.

    Args:
        records: of the last second, at least one.
        lost: telemetry records that the node was too slow to read, since the start.
        robot_ip: hardware id.
    """
    last = records[-1]
    values = {
        'lateness_p50_us': np.percentile(records['lateness_us'], 50),
        'lateness_p99_us': np.percentile(records['lateness_us'], 99),
        'lateness_max_us': records['lateness_us'].max(),
        'work_p50_us': np.percentile(records['work_us'], 50),
        'work_p99_us': np.percentile(records['work_us'], 99),
        'overruns': last['overruns'],
        'skipped': last['skipped'],
        'policy_misses': last['policy_misses'],
        'state_age_max_us': records['state_age_us'].max(),
        'telemetry_lost': lost,
    }
    level, message = DiagnosticStatus.OK, 'running'
    if values['state_age_max_us'] > WARN_STATE_AGE_US:
        level, message = DiagnosticStatus.WARN, 'states of the robot came late'
    if last['severity'] == Severity.STOP:
        level, message = DiagnosticStatus.ERROR, last['reasons'].decode(errors='replace')
    return DiagnosticStatus(
        level=level,
        name='perl_controller: control loop',
        message=message,
        hardware_id=robot_ip,
        values=[KeyValue(key=key, value=f'{value:.0f}') for key, value in values.items()],
    )
