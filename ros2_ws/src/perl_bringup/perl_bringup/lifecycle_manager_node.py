"""Node ``perl_lifecycle_manager``: leads the lifecycle nodes up, watches them, leads them down.

Configures all in the order of ``node_names``, then activates them in that order; at the end
deactivates them in reverse. A node that refuses, or later leaves its state by an error, ends this
process with one sentence and exit code 1, and with it the stack.
"""

from collections.abc import Callable
import time
from typing import Any, NoReturn

from lifecycle_msgs.msg import State, Transition, TransitionEvent
from lifecycle_msgs.srv import ChangeState, GetState
from perl_core.errors import ConfigError, PerlError
from perl_safety.process_node import StopRequests, run_process
from rcl_interfaces.msg import Log, ParameterDescriptor
import rclpy
from rclpy.client import Client
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile

_SPIN_S = 0.05
_LOG_DELAY_S = 0.3
"""A node's log may arrive after its refusal."""
_FALLEN = (State.PRIMARY_STATE_UNCONFIGURED, State.PRIMARY_STATE_FINALIZED)
_TIMEOUTS_S = {
    'appear_timeout_s': (30.0, 'Until the services of a node are there [s].'),
    'transition_timeout_s': (30.0, 'For one node to configure or activate [s].'),
    'stop_timeout_s': (1.5, 'For one node to deactivate at the end [s].'),
}


class LifecycleError(PerlError):
    """A lifecycle node that does not appear, does not answer, or refuses."""


class StopRequestedError(PerlError):
    """The manager itself is asked to end."""


class LifecycleManager(Node):
    """The clients of every led node, and what was heard of them."""

    def __init__(self, stop_requests: StopRequests) -> None:
        """Read the parameters and make the clients.

        Args:
            stop_requests: becomes non-empty when this process is asked to end.

        Raises:
            ConfigError: a parameter is missing or out of bounds.
        """
        super().__init__('perl_lifecycle_manager')
        self._stop_requests = stop_requests
        fixed = ParameterDescriptor(description='Given by the stack.', read_only=True)
        self.autostart = bool(self.declare_parameter('autostart', True, fixed).value)
        names = self.declare_parameter('node_names', Parameter.Type.STRING_ARRAY, fixed)
        self._names = tuple(names.get_parameter_value().string_array_value)
        if not self._names:
            raise ConfigError('node_names must list the lifecycle nodes to lead; it is empty')
        self._timeouts_s = {name: self._timeout_s(name) for name in _TIMEOUTS_S}
        self._states = {n: self.create_client(GetState, f'/{n}/get_state') for n in self._names}
        self._changes = {
            n: self.create_client(ChangeState, f'/{n}/change_state') for n in self._names
        }
        self._last_error: dict[str, str] = {}
        self._fallen: dict[str, str] = {}
        latched = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.create_subscription(Log, '/rosout', self._on_log, latched)
        for name in self._names:
            self.create_subscription(
                TransitionEvent,
                f'/{name}/transition_event',
                lambda event, name=name: self._on_transition(name, event),
                10,
            )

    def start_nodes(self) -> None:
        """Configure every node, then activate every node.

        Raises:
            LifecycleError: a node does not appear, does not answer, or refuses.
            StopRequestedError: this process is asked to end.
        """
        for name in self._names:
            self._await_services(name)
        for name in self._names:
            if self._state(name) == State.PRIMARY_STATE_UNCONFIGURED:
                self._change(name, Transition.TRANSITION_CONFIGURE, 'configure')
        for name in self._names:
            if self._state(name) != State.PRIMARY_STATE_ACTIVE:
                self._change(name, Transition.TRANSITION_ACTIVATE, 'activate')
        self.get_logger().info(f'active: {", ".join(self._names)}')

    def watch(self) -> None:
        """Wait until asked to end.

        Raises:
            LifecycleError: a node fell back by an error.
        """
        self._fallen.clear()
        while not self._stop_requests:
            rclpy.spin_once(self, timeout_sec=_SPIN_S)
            for name, state in self._fallen.items():
                raise LifecycleError(f'{name} fell back to {state}{self._why(name)}')

    def stop_nodes(self) -> None:
        """Deactivate in reverse order what is still there and active; never raises."""
        for name in reversed(self._names):
            if not self._changes[name].service_is_ready():
                continue
            try:
                self._deactivate(name)
            except LifecycleError as error:
                self.get_logger().warning(f'{name} may not have deactivated: {error}')

    def _deactivate(self, name: str) -> None:
        state = self._call(self._states[name], GetState.Request(), 'stop_timeout_s', _go_on)
        if state.current_state.id != State.PRIMARY_STATE_ACTIVE:
            return
        request = ChangeState.Request()
        request.transition.id = Transition.TRANSITION_DEACTIVATE
        self._call(self._changes[name], request, 'stop_timeout_s', _go_on)

    def _await_services(self, name: str) -> None:
        limit_s = self._timeouts_s['appear_timeout_s']
        deadline = time.monotonic() + limit_s
        while not all(c[name].service_is_ready() for c in (self._states, self._changes)):
            self._check_not_stopped()
            rclpy.spin_once(self, timeout_sec=_SPIN_S)
            if time.monotonic() > deadline:
                raise LifecycleError(
                    f'expected a lifecycle node {name} within {limit_s} s, but none appeared'
                )

    def _state(self, name: str) -> int:
        response = self._call(
            self._states[name],
            GetState.Request(),
            'transition_timeout_s',
            self._check_not_stopped,
        )
        return response.current_state.id

    def _change(self, name: str, transition: int, verb: str) -> None:
        request = ChangeState.Request()
        request.transition.id = transition
        response = self._call(
            self._changes[name], request, 'transition_timeout_s', self._check_not_stopped
        )
        if not response.success:
            raise LifecycleError(f'{name} refused to {verb}{self._why(name)}')

    def _call(
        self, client: Client, request: object, timeout: str, check: Callable[[], None]
    ) -> Any:
        """Return the response, or raise LifecycleError."""
        limit_s = self._timeouts_s[timeout]
        deadline = time.monotonic() + limit_s
        future = client.call_async(request)
        while not future.done():
            check()
            rclpy.spin_until_future_complete(self, future, timeout_sec=_SPIN_S)
            if future.done():
                break
            if time.monotonic() > deadline:
                raise LifecycleError(f'{client.service_name} did not answer within {limit_s} s')
            if not client.service_is_ready():
                raise LifecycleError(f'{client.service_name} is gone')
        return future.result()

    def _why(self, name: str) -> str:
        """Return what the node last logged as an error, as the end of a sentence."""
        deadline = time.monotonic() + _LOG_DELAY_S
        while name not in self._last_error and time.monotonic() < deadline:
            rclpy.spin_once(self, timeout_sec=_SPIN_S)
        return f': {self._last_error[name]}' if name in self._last_error else ', without a reason'

    def _check_not_stopped(self) -> None:
        if self._stop_requests:
            raise StopRequestedError('asked to end while starting the nodes')

    def _on_log(self, log: Log) -> None:
        if log.level >= Log.ERROR:
            self._last_error[log.name] = log.msg

    def _on_transition(self, name: str, event: TransitionEvent) -> None:
        if event.goal_state.id in _FALLEN:
            self._fallen[name] = event.goal_state.label

    def _timeout_s(self, name: str) -> float:
        default_s, text = _TIMEOUTS_S[name]
        descriptor = ParameterDescriptor(description=text, read_only=True)
        value_s = self.declare_parameter(name, default_s, descriptor).value
        if not value_s > 0.0:
            raise ConfigError(f'{name} must be above 0 s; got {value_s}')
        return value_s


def _go_on() -> None:
    """Wait on, although this process is asked to end: the nodes come first."""


def main() -> NoReturn:
    """Lead the nodes until SIGTERM or SIGINT; exit 1 with one sentence if that fails."""
    run_process(_lead)


def _lead(stop_requests: StopRequests) -> int:
    """Return the exit code."""
    manager = None
    try:
        manager = LifecycleManager(stop_requests)
        if manager.autostart:
            manager.start_nodes()
        manager.watch()
    except StopRequestedError:
        return 0
    except PerlError as error:
        rclpy.logging.get_logger('perl_lifecycle_manager').fatal(str(error))
        return 1
    finally:
        if manager is not None:
            manager.stop_nodes()
    return 0


if __name__ == '__main__':
    main()
