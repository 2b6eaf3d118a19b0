"""The lifecycle node ``perl_controller``: a thin shell around the control loop's process.

One thread and one executor: a timer beats, drains the telemetry, publishes, and moves the goals
on. Transitions and services that must wait call the same round themselves meanwhile.
"""

from collections.abc import Callable
import contextlib
import os
import sys
import time

from perl_core.contract import Contract
from perl_core.errors import ConfigError, PerlError, RobotError
from perl_core.kinematics import Kinematics
from perl_safety.heartbeat import HeartbeatReader, heartbeat_path
from perl_safety.limits import DEFAULT_LIMITS_FILE, load_limits
from perl_safety.priority import come_first
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter

from calibration.loader import load_calibration
from perl_control.loop_client import LoopClient
from perl_control.loop_config import LoopConfig
from perl_control.mailbox import Mode
from perl_control.messages import Messages
from perl_control.reach_node import ReachServer
from perl_control.recovery_node import RecoveryServer
from perl_control.states import State
from perl_control.telemetry_node import TelemetryPublisher
from perl_control.watch import Watch

ROUND_S = 0.02
"""Period of the round: a tenth of the heartbeat's limit."""
ARM_DEADLINE_S = 3.0
REST_DEADLINE_S = 2.0
NODE_PRIORITY = 20
"""SCHED_FIFO, below the control loop: a heartbeat that comes late stops the arm."""
LAST_WORDS_S = 0.3
"""Time for results and states to go out before the process ends."""
SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE

_TEXTS = {
    'robot_ip': 'address of the UR controller',
    'bundle': 'folder of the policy bundle',
    'bundle_keys': 'public keys, one of which must have signed it; empty: whoever made it',
    'limits_file': 'safety limits; empty: the shipped ones',
    'kinematics_params_file': 'calibration of this arm; empty: nominal kinematics',
    'black_box_folder': 'where the last 10 s are kept after a stop; empty: nowhere',
    'backend': "'ur', or 'loopback' for an arm inside the control loop",
}


class PerlController(LifecycleNode):
    """Configure connects, activate arms, deactivate stops, cleanup ends the control loop."""

    def __init__(self) -> None:
        """Declare parameters, create topics, services and the action."""
        super().__init__('perl_controller')
        self.exit_status = 0
        """What the process should end with."""
        self._contract = Contract()
        self._declare_parameters()
        rate_hz = self.get_parameter('joint_state_rate_hz').value
        self._publisher = TelemetryPublisher(self, self._contract, rate_hz)
        self._reach = ReachServer(self, self._contract, self._publisher)
        self._loop: LoopClient | None = None
        self._messages = Messages('', '')
        self._died_s: float | None = None
        self._recovery = RecoveryServer(self)
        self.create_timer(ROUND_S, self._round)

    def _declare_parameters(self) -> None:
        for name, text in _TEXTS.items():
            default = 'ur' if name == 'backend' else ''
            self.declare_parameter(
                name, default, ParameterDescriptor(description=text, read_only=True)
            )
        self.declare_parameter('require_monitor', True, ParameterDescriptor(
            description='refuse to move without perl_safety_monitor', read_only=True,
        ))
        self.declare_parameter('shadow', False, ParameterDescriptor(
            description='run and record the policy, but send the arm nothing', read_only=True,
        ))
        self.declare_parameter('joint_state_rate_hz', 100, ParameterDescriptor(
            description='rate of /joint_states [Hz]; divides 500', read_only=True,
            integer_range=[IntegerRange(from_value=1, to_value=500)],
        ))
        self.declare_parameter('priority', 60, ParameterDescriptor(
            description='SCHED_FIFO priority of the control loop; 0: none', read_only=True,
            integer_range=[IntegerRange(from_value=0, to_value=99)],
        ))
        self.declare_parameter('cpu', -1, ParameterDescriptor(
            description='processor of the control loop; -1: any', read_only=True,
        ))
        self.declare_parameter('speed_scale', 1.0, ParameterDescriptor(
            description="share of the policy's speed, 0 to 1; may be changed while moving",
            floating_point_range=[FloatingPointRange(from_value=0.0, to_value=1.0)],
        ))
        self.add_post_set_parameters_callback(self._on_parameters)
        self.declare_parameter('connect_timeout_s', 10.0, ParameterDescriptor(
            description='[s] from reading the bundle to the connected arm', read_only=True,
            floating_point_range=[FloatingPointRange(from_value=0.5, to_value=120.0)],
        ))

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Read and validate everything, start the control loop, connect the arm."""
        try:
            self._configure()
        except PerlError as error:
            self.get_logger().error(str(error))
            self._end_loop('configuring failed')
            return FAILURE
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Arm: from now on the arm may move."""
        loop = self._loop
        if loop is None:
            self.get_logger().error('expected a control loop to arm, it died.')
            return FAILURE
        loop.want(Mode.ARMED)
        self._wait(lambda: loop.state in (State.ARMED, State.FAULT), ARM_DEADLINE_S)
        if loop.state != State.ARMED:
            self.get_logger().error(self._why_not_armed(loop))
            loop.want(Mode.STANDBY)
            return FAILURE
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop the arm and hold."""
        self._reach.stop('the controller was deactivated')
        loop = self._loop
        if loop is not None:
            loop.want(Mode.STANDBY)
            self._wait(lambda: loop.state in (State.STANDBY, State.FAULT), REST_DEADLINE_S)
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """End the control loop."""
        self._end_loop('the controller was cleaned up')
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """End the control loop."""
        self._end_loop('the controller was shut down')
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """End the control loop."""
        self._end_loop('the controller failed')
        return super().on_error(state)

    def end(self) -> None:
        """Stop the arm when the process ends."""
        if self._loop is not None:
            self._loop.end()

    def _configure(self) -> None:
        config = self._config()
        rate_hz = self.get_parameter('joint_state_rate_hz').value
        if self._contract.control_rate_hz % rate_hz:
            raise ConfigError(
                f'joint_state_rate_hz must divide {self._contract.control_rate_hz}; got {rate_hz}'
            )
        limits = load_limits(config.limits_file or DEFAULT_LIMITS_FILE)
        calibrated = config.kinematics_params_file
        kinematics = load_calibration(calibrated).kinematics if calibrated else Kinematics()
        monitor = HeartbeatReader(heartbeat_path(config.robot_ip))
        self._watch = Watch(
            monitor if config.require_monitor else None, limits.heartbeat_timeout_s
        )
        timeout_s = self.get_parameter('connect_timeout_s').value
        loop = self._loop = LoopClient(config, timeout_s, lambda: None)
        self._messages = Messages(config.robot_ip, loop.bundle_sha256, config.shadow)
        self._publisher.forget()
        self._reach.attach(loop, self._messages, kinematics)
        self._recovery.attach(loop, config)
        loop.slow_down(self.get_parameter('speed_scale').value)
        loop.want(Mode.STANDBY)
        self._wait(lambda: loop.latest is not None, ARM_DEADLINE_S)
        if loop.latest is None:
            raise RobotError('expected telemetry of the control loop, none came. Start again.')

    def _config(self) -> LoopConfig:
        names = (*_TEXTS, 'require_monitor', 'shadow', 'priority', 'cpu')
        values = {name: self.get_parameter(name).value for name in names}
        for name in ('robot_ip', 'bundle'):
            if not values[name]:
                raise ConfigError(f'the parameter {name} is needed: {_TEXTS[name]}')
        return LoopConfig(**values, parent_pid=os.getpid())

    def _on_parameters(self, changed: list[Parameter]) -> None:
        """Take a new speed scale; every other parameter is read-only."""
        for parameter in changed:
            if parameter.name == 'speed_scale' and self._loop is not None:
                self._loop.slow_down(parameter.value)

    def _round(self) -> None:
        """Beat, drain, publish, move goals on."""
        if self._died_s is not None and time.monotonic() - self._died_s > LAST_WORDS_S:
            self.context.try_shutdown()
        loop = self._loop
        if loop is None:
            return
        loop.order()
        self._recovery.round()
        drained = loop.drain()
        now_ns = time.monotonic_ns()
        self._messages.offset_ns = self.get_clock().now().nanoseconds - now_ns
        if len(drained.records):
            self._publisher.records(drained.records, drained.lost, self._messages)
            self._reach.update(drained.records)
            self._publisher.diagnostics(
                loop.lost, self.get_parameter('robot_ip').value, self._messages, now_ns
            )
        if loop.death:
            self._die(loop.death)

    def _die(self, death: str) -> None:
        """Say that the loop is dead, and end with an error so that a supervisor sees it."""
        self.get_logger().fatal(f'{death}; the watchdog of the controller stops the arm')
        self._end_loop(death)
        self._publisher.state(
            self._messages.without_loop(State.FAULT, death, time.monotonic_ns())
        )
        self.exit_status = 1
        self._died_s = time.monotonic()

    def _end_loop(self, message: str) -> None:
        self._reach.detach(message)
        self._recovery.detach()
        if self._loop is not None:
            self._loop.end()
            self._loop = None
            self._publisher.state(
                self._messages.without_loop(State.DISCONNECTED, message, time.monotonic_ns())
            )

    def _wait(self, done: Callable[[], bool], timeout_s: float) -> None:
        """Do rounds until done, or dead, or the time is over."""
        deadline_s = time.monotonic() + timeout_s
        while self._loop is not None and not done() and time.monotonic() < deadline_s:
            self._round()
            time.sleep(ROUND_S / 2)

    def _why_not_armed(self, loop: LoopClient) -> str:
        reason = self._watch.reason(loop.orders, time.monotonic_ns())
        if loop.state == State.FAULT:
            reason = loop.reasons
        return (
            f'expected to arm the controller within {ARM_DEADLINE_S:g} s, it is '
            f'{loop.state.name}: {reason or "the arm is not at rest"}. '
            'Check perl_safety_monitor and the robot, then reset.'
        )


def main() -> None:
    """Entry point of the process."""
    rclpy.init()
    node = PerlController()
    refused = come_first(NODE_PRIORITY)
    if refused:
        node.get_logger().warning(refused)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        try:
            executor.spin()
        finally:
            node.end()
    sys.exit(node.exit_status)


if __name__ == '__main__':
    main()
