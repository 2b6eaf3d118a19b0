"""The ROS side of the fault matrix: sends goals, resets, and notes what the stack says."""

from collections.abc import Callable
import threading
import time
from typing import Any, NamedTuple, Self

from perl_bringup.reach_client_node import OUTCOMES, STATES
from perl_core.errors import RobotError
from perl_msgs.action import Reach
from perl_msgs.msg import ControllerState, SafetyState
import rclpy
from rclpy.action import ActionClient
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.signals import SignalHandlerOptions
from rclpy.task import Future
from std_srvs.srv import Trigger

ANSWER_S = 12.0
"""For a service: the controller's reset may upload its script again."""
_LATCHED = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
_LAYERS = {'/perl_controller/safety': 'filter', '/perl_safety_monitor/safety': 'monitor'}


class Said(NamedTuple):
    """One reason that a layer named for a stop."""

    time_ns: int
    """When, by its own stamp, as time.monotonic_ns()."""
    source: str
    """filter, monitor or controller."""
    reason: str
    """Its name."""


class Driver:
    """A client of one ROS domain; spins in a thread of its own."""

    def __init__(self) -> None:
        """Join the ROS graph."""
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        self._node = rclpy.create_node('perl_fault_matrix')
        self._lock = threading.Lock()
        self._said: list[Said] = []
        self._state: ControllerState | None = None
        self._reach = ActionClient(self._node, Reach, '/perl_controller/reach')
        self._resets = {
            name: self._node.create_client(Trigger, f'/{name}/reset')
            for name in ('perl_safety_monitor', 'perl_controller')
        }
        self._node.create_subscription(
            ControllerState, '/perl_controller/state', self._on_state, _LATCHED
        )
        for topic, layer in _LAYERS.items():
            self._node.create_subscription(
                SafetyState, topic,
                lambda message, layer=layer: self._on_safety(layer, message), _LATCHED,
            )
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._spin, name='driver', daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the ROS graph."""
        self._executor.shutdown()
        self._thread.join(2.0)
        self._node.destroy_node()
        rclpy.try_shutdown()

    @property
    def state(self) -> str:
        """What the controller last said it does; empty if nothing was heard of it."""
        state = self._state
        return '' if state is None else STATES[state.state]

    @property
    def can_send(self) -> bool:
        """Whether the action server is there."""
        return self._reach.server_is_ready()

    def forget(self) -> None:
        """Forget what a stack said that is gone."""
        self.forget_reasons()
        self._state = None

    def forget_reasons(self) -> None:
        """Forget the reasons that were named."""
        with self._lock:
            self._said.clear()

    def said_since(self, time_ns: int) -> list[Said]:
        """Return the reasons named after a time of time.monotonic_ns(), oldest first."""
        with self._lock:
            return sorted(said for said in self._said if said.time_ns >= time_ns)

    def send(self, goal: Reach.Goal) -> Future:
        """Send a goal without waiting; see ``outcome``."""
        ended: Future = Future()

        def accepted(sent: Future) -> None:
            handle = sent.result()
            if handle is None or not handle.accepted:
                ended.set_result(None)
                return
            handle.get_result_async().add_done_callback(
                lambda future: ended.set_result(future.result())
            )

        self._reach.send_goal_async(goal).add_done_callback(accepted)
        return ended

    def reset(self, name: str) -> tuple[bool, str]:
        """Ask a node to reset and return its answer."""
        client = self._resets[name]
        if not client.service_is_ready():
            return False, f'{name} offers no reset'
        future = client.call_async(Trigger.Request())
        if not wait_until(future.done, ANSWER_S):
            return False, f'{name} did not answer within {ANSWER_S:g} s'
        answer = future.result()
        return bool(answer.success), str(answer.message)

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except ExternalShutdownException:
            return  # The end of the program.

    def _on_state(self, message: ControllerState) -> None:
        self._state = message
        if message.state in (ControllerState.FAULT, ControllerState.STOPPING) and message.reason:
            self._note('controller', message.header.stamp, [message.reason])

    def _on_safety(self, layer: str, message: SafetyState) -> None:
        if message.severity == SafetyState.STOP:
            self._note(layer, message.header.stamp, message.reasons)

    def _note(self, source: str, stamp: Any, reasons: list[str]) -> None:
        offset_ns = time.time_ns() - time.monotonic_ns()
        time_ns = stamp.sec * 1_000_000_000 + stamp.nanosec - offset_ns
        with self._lock:
            self._said += [Said(time_ns, source, reason) for reason in reasons]


def wait_until(condition: Callable[[], object], limit_s: float) -> bool:
    """Return whether the condition came true within the limit."""
    deadline_s = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.005)
    return True


def outcome(ended: Future, limit_s: float) -> tuple[str, str]:
    """Return how a goal ended and the sentence about it.

    Raises:
        RobotError: it did not end within the limit.
    """
    if not wait_until(ended.done, limit_s):
        raise RobotError(f'expected the goal to end within {limit_s:g} s; it did not')
    response = ended.result()
    if response is None:
        return 'REJECTED', 'the action server rejected the goal'
    return OUTCOMES[response.result.outcome], response.result.message
