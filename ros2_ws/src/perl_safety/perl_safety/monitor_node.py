"""Lifecycle node ``perl_safety_monitor``: parameters, topics and the reset around the watch.

configure reads and validates everything and connects; activate watches and beats; deactivate ends
the watch, which the control loop takes as a stop. The watching has its own thread, so that no ROS
callback delays it.
"""

import math
import os
import signal
import sys
from types import FrameType
from typing import Any, NamedTuple, NoReturn

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from perl_core.errors import ConfigError, PerlError
from perl_core.kinematics import Kinematics
from perl_msgs.msg import SafetyState
from rcl_interfaces.msg import ParameterDescriptor
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from std_srvs.srv import Trigger

from calibration.loader import load_calibration
from perl_safety.heartbeat import HeartbeatReader, HeartbeatWriter, heartbeat_path
from perl_safety.limits import DEFAULT_LIMITS_FILE, load_limits
from perl_safety.monitor import Monitor
from perl_safety.priority import come_first
from perl_safety.ur_link import UrLink
from perl_safety.watch import PRIORITY, LoopWatch, Watch, WatchStatus

_PARAMETERS: dict[str, tuple[Any, str]] = {
    'robot_ip': ('', 'Address of the robot.'),
    'limits_file': ('', 'YAML file of safety limits; empty: the one that is shipped.'),
    'kinematics_params_file': ('', 'Calibration of the arm; empty: the nominal UR5e.'),
    'rate_hz': (125.0, 'Rounds of the watch a second, 10 to 500.'),
}
_LATCHED = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
_LOOK_S = 0.05
_LOOKS_PER_STATE = 2
"""The state is sent on change, and at 10 Hz."""
_IDLE = ('monitor_not_watching',)


class _Session(NamedTuple):
    """What exists from configure to cleanup."""

    robot_ip: str
    rate_hz: float
    link: UrLink
    monitor: Monitor
    heartbeat: HeartbeatWriter
    loop: LoopWatch


class MonitorNode(LifecycleNode):
    """The ROS side of the monitor."""

    def __init__(self) -> None:
        """Declare parameters and make topics; nothing is connected yet."""
        super().__init__('perl_safety_monitor')
        for name, (default, text) in _PARAMETERS.items():
            descriptor = ParameterDescriptor(
                description=text, read_only=True, dynamic_typing=True
            )
            self.declare_parameter(name, default, descriptor)
        self.failed = False
        self._session: _Session | None = None
        self._watch: Watch | None = None
        self._published: tuple[str, ...] | None = None
        self._looks = 0
        self._safety = self.create_publisher(SafetyState, '~/safety', _LATCHED)
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self.create_service(Trigger, '~/reset', self._on_reset)
        self.create_timer(_LOOK_S, self._on_look)
        self.create_timer(1.0, self._on_diagnostics)

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Read and validate everything, and connect to the robot."""
        del state
        try:
            self._session = self._open()
        except PerlError as error:
            self.get_logger().error(f'cannot configure: {error}')
            return TransitionCallbackReturn.FAILURE
        self.get_logger().info(f'connected to the robot at {self._session.robot_ip}')
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Watch and beat."""
        if self._session is None:
            return TransitionCallbackReturn.ERROR
        _, rate_hz, link, monitor, heartbeat, loop = self._session
        self._watch = Watch(link, monitor, heartbeat, rate_hz, loop)
        self._watch.start()
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop watching, and say so in the heartbeat. What is latched stays latched."""
        stops = 0 if self._watch is None else self._watch.status().stops
        self._end_watch()
        self._safety.publish(self._message(SafetyState.STOP, _IDLE, stops))
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Disconnect."""
        del state
        self.end()
        session, self._session = self._session, None
        if session is not None:
            session.link.close()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop watching and disconnect."""
        return self.on_cleanup(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop watching and disconnect; the node may be configured again."""
        return self.on_cleanup(state)

    def end(self) -> None:
        """End the watch and free the heartbeat, at once; the link is left to the kernel."""
        self._end_watch()
        if self._session is not None:
            self._session.heartbeat.close()

    def _open(self) -> _Session:
        """Return a session, or raise PerlError with nothing left open."""
        values = {name: self.get_parameter(name).value for name in _PARAMETERS}
        robot_ip, rate_hz = values['robot_ip'], values['rate_hz']
        if not robot_ip or not isinstance(robot_ip, str):
            raise ConfigError(f'robot_ip must be the address of the robot; got {robot_ip!r}')
        if not isinstance(rate_hz, int | float) or not 10.0 <= rate_hz <= 500.0:
            raise ConfigError(f'rate_hz must be a number from 10 to 500; got {rate_hz!r}')
        limits = load_limits(values['limits_file'] or DEFAULT_LIMITS_FILE)
        monitor = Monitor(limits.monitor, _kinematics(values['kinematics_params_file']))
        heartbeat = HeartbeatWriter(heartbeat_path(robot_ip))
        try:
            link = UrLink(robot_ip, rate_hz)
        except PerlError:
            heartbeat.close()
            raise
        loop = LoopWatch(
            HeartbeatReader(heartbeat_path(robot_ip, 'loop')), limits.heartbeat_timeout_s
        )
        return _Session(robot_ip, float(rate_hz), link, monitor, heartbeat, loop)

    def _end_watch(self) -> None:
        """End the watching thread, if there is one."""
        watch, self._watch, self._published = self._watch, None, None
        if watch is not None:
            watch.end()

    def _on_reset(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        """Clear the latch, as far as its causes are gone."""
        del request
        if self._watch is None:
            response.success, response.message = False, 'the monitor is not active'
            return response
        left = self._watch.reset()
        response.success = not left
        response.message = f'still there: {", ".join(left)}' if left else 'cleared'
        self.get_logger().info(f'reset: {response.message}')
        return response

    def _on_look(self) -> None:
        """Publish the safety state when it changes, and at 10 Hz."""
        if self._watch is None:
            return
        if not self._watch.alive:
            self.get_logger().fatal('the watching thread has died: ending this process')
            self.failed = True
            return
        status = self._watch.status()
        changed, self._looks = status.reasons != self._published, self._looks + 1
        if not changed and self._looks < _LOOKS_PER_STATE:
            return
        if changed:
            self._log(status)
        self._published, self._looks = status.reasons, 0
        self._safety.publish(self._message(int(status.severity), status.reasons, status.stops))

    def _message(self, severity: int, reasons: tuple[str, ...], stops: int) -> SafetyState:
        """Return the message that says this now."""
        message = SafetyState(
            source='monitor', severity=severity, reasons=list(reasons), stops=stops
        )
        message.header.stamp = self.get_clock().now().to_msg()
        return message

    def _log(self, status: WatchStatus) -> None:
        """Say what was measured, once for each change."""
        if status.details:
            found = '; '.join(f'{reason} ({text})' for reason, text in status.details.items())
            self.get_logger().error(f'STOP: {found}')
        else:
            self.get_logger().info('watching, nothing wrong')

    def _on_diagnostics(self) -> None:
        """Publish diagnostics once a second."""
        status = None if self._watch is None else self._watch.status()
        entry = DiagnosticStatus(name='perl_safety_monitor: watch')
        entry.hardware_id = '' if self._session is None else self._session.robot_ip
        if status is None:
            entry.level, entry.message = DiagnosticStatus.STALE, 'not watching'
        elif status.reasons:
            entry.level, entry.message = DiagnosticStatus.ERROR, ', '.join(status.reasons)
        elif status.silence:
            entry.level, entry.message = DiagnosticStatus.WARN, 'the dashboard does not answer'
        else:
            entry.level, entry.message = DiagnosticStatus.OK, 'watching'
        if status is not None:
            age_s = status.state_age_s if math.isfinite(status.state_age_s) else -1.0
            entry.values = [
                KeyValue(key='state_age_s', value=f'{age_s:.4f}'),
                KeyValue(key='stops', value=str(status.stops)),
                KeyValue(key='stop_answer', value=status.stop_answer),
                KeyValue(key='silence', value=status.silence),
            ]
        message = DiagnosticArray(status=[entry])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)


def _kinematics(path: str) -> Kinematics:
    """Return the kinematics of a calibration file, or the nominal ones."""
    return Kinematics(load_calibration(path).dh_parameters) if path else Kinematics()


class _Signalled(BaseException):
    """SIGTERM or SIGINT; leaves the main thread wherever it is, even inside a callback."""


def _end_once(_number: int, _frame: FrameType | None) -> NoReturn:
    """Begin the end; a second signal does not disturb it."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    raise _Signalled


def _spin() -> int:
    """Run the node until a signal (0) or the death of the watch (1)."""
    node = None
    try:
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        node = MonitorNode()
        # Both threads: the watch cannot run while a starved ROS callback holds the GIL.
        refused = come_first(PRIORITY)
        if refused:
            node.get_logger().warning(refused)
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        while not node.failed:
            executor.spin_once(timeout_sec=0.1)
    except _Signalled:
        return 0
    finally:
        if node is not None:
            node.end()
        rclpy.try_shutdown()
    return 1


def main() -> NoReturn:
    """Run the node; exit status 0 after SIGTERM or SIGINT, 1 if the watch died."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end_once)
    status = _spin()
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: the destructor of ur_rtde's client sleeps for half a second; the kernel closes
    # its socket at once.
    os._exit(status)


if __name__ == '__main__':
    main()
