"""Node ``perl_reach_client``: sends poses to the action ``Reach``, one by one."""

from collections.abc import Callable
import time
from typing import Any, NamedTuple, TypeAlias

from perl_core.errors import RobotError
from perl_msgs.action import Reach
from perl_msgs.msg import ControllerState
import rclpy
from rclpy.action import ActionClient
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.signals import SignalHandlerOptions
from rclpy.task import Future

from perl_bringup.reach_goals import ReachGoal

FRAME = 'base'
"""UR's own base frame."""
ANSWER_TIMEOUT_S = 5.0
"""For accepting a goal, and beyond a goal's own timeout for its result."""
REACH_TIMEOUT_S = 5.0
"""The time a goal may take; the default of the action."""
HOME_TIMEOUT_S = 10.0
"""Going home is slower, and a wrist may have to unwind by a whole turn (6.3 s)."""
_SPIN_S = 0.05
Feedback: TypeAlias = Reach.Feedback

OUTCOMES = {
    getattr(Reach.Goal, name): name
    for name in ('REACHED', 'TIMED_OUT', 'CANCELED', 'PREEMPTED', 'STOPPED', 'REFUSED')
}

STATES = {
    getattr(ControllerState, name): name
    for name in ('DISCONNECTED', 'STANDBY', 'ARMED', 'MOVING', 'STOPPING', 'FAULT')
}


class ReachReport(NamedTuple):
    """What became of a goal."""

    outcome: str
    """A name from Reach.action."""
    message: str
    """One sentence of the controller."""
    position_error_m: float
    """At the end."""
    rotation_error_rad: float
    """At the end."""
    duration_s: float
    """Until the tolerance was first kept, or until the end."""


class GoalLimits(NamedTuple):
    """When a goal is reached, or given up, as in Reach.action."""

    home: bool
    """Go home in joint space."""
    position_tolerance_m: float
    """0: the action's default, here and below."""
    rotation_tolerance_rad: float
    """Angle that counts as reached."""
    settle_s: float
    """How long both must be kept."""
    timeout_s: float
    """How long the arm tries."""


class ReachClient:
    """The client side; use it as a context manager.

    Every wait ends early when ``ended`` returns true, and then returns None.
    """

    def __init__(self, ended: Callable[[], bool]) -> None:
        """Join the ROS graph.

        Args:
            ended: whether the stack has ended, so that waiting is in vain; called at 20 Hz.
        """
        self._ended = ended
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        self._node = rclpy.create_node('perl_reach_client')
        self._client = ActionClient(self._node, Reach, '/perl_controller/reach')
        self._controller_state: ControllerState | None = None
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._node.create_subscription(
            ControllerState, '/perl_controller/state', self._on_state, latched
        )

    def __enter__(self) -> 'ReachClient':
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the ROS graph."""
        self._node.destroy_node()
        rclpy.try_shutdown()

    def wait_until_armed(self, timeout_s: float) -> bool:
        """Return whether the controller accepts goals now; False if the stack ended.

        Raises:
            RobotError: it does not within the time.
        """
        self._spin_until(lambda: self._is_armed() or self._is_faulty(), timeout_s)
        if self._is_armed():
            return True
        if self._ended():
            return False
        state = self._controller_state
        known = 'nothing was heard of it' if state is None else (
            f'it is {STATES[state.state]} {state.reason}'.rstrip()
        )
        raise RobotError(
            f'expected perl_controller to accept goals within {timeout_s:.0f} s; {known}'
        )

    def reach(
        self, goal: ReachGoal, on_feedback: Callable[[Feedback], None]
    ) -> ReachReport | None:
        """Send a goal and return what became of it; None if the stack ended.

        Raises:
            RobotError: the controller does not answer.
        """
        return self._pursue(_message(goal), on_feedback)

    def go_home(self, on_feedback: Callable[[Feedback], None]) -> ReachReport | None:
        """Send the arm home in joint space and return what became of it, as ``reach`` does."""
        return self._pursue(Reach.Goal(home=True, timeout_s=HOME_TIMEOUT_S), on_feedback)

    def send(self, goal: ReachGoal, limits: GoalLimits) -> Callable[[], bool]:
        """Send a goal and do not wait; a newer one takes over.

        Args:
            goal: where to; of no account for the way home.
            limits: when it is reached, or given up.

        Returns:
            What tells whether it has ended.
        """
        message = _message(goal)
        for name, value in limits._asdict().items():
            setattr(message, name, value)
        ends: list[Future] = []

        def accepted(sent: Future) -> None:
            sent.result().get_result_async().add_done_callback(ends.append)

        self._client.send_goal_async(message).add_done_callback(accepted)
        return lambda: bool(ends)

    def spin_until(self, monotonic_s: float, done: Callable[[], bool] = lambda: False) -> bool:
        """Spin until a time of time.monotonic(), or done; return False if the stack ended."""
        while (left_s := monotonic_s - time.monotonic()) > 0.0 and not done():
            if self._ended():
                return False
            rclpy.spin_once(self._node, timeout_sec=min(left_s, _SPIN_S))
        return not self._ended()

    def _pursue(
        self, goal: Reach.Goal, on_feedback: Callable[[Feedback], None]
    ) -> ReachReport | None:
        sent = self._client.send_goal_async(
            goal, feedback_callback=lambda message: on_feedback(message.feedback)
        )
        handle = self._await(sent, ANSWER_TIMEOUT_S, 'answer a goal')
        if handle is None:
            return None
        if not handle.accepted:
            return ReachReport('REFUSED', 'the action server rejected the goal', *3 * (0.0,))
        result = self._await(
            handle.get_result_async(), goal.timeout_s + ANSWER_TIMEOUT_S, 'end a goal'
        )
        return None if result is None else _report(result.result)

    def _await(self, future: Future, timeout_s: float, what: str) -> Any:
        if self._spin_until(future.done, timeout_s):
            return future.result()
        if self._ended():
            return None
        raise RobotError(f'expected perl_controller to {what} within {timeout_s:.0f} s')

    def _spin_until(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        deadline_ns = self._node.get_clock().now().nanoseconds + timeout_s * 1e9
        while not condition():
            late = self._node.get_clock().now().nanoseconds > deadline_ns
            if late or self._ended():
                return False
            rclpy.spin_once(self._node, timeout_sec=_SPIN_S)
        return True

    def _is_armed(self) -> bool:
        return self._is_in(ControllerState.ARMED) and self._client.server_is_ready()

    def _is_faulty(self) -> bool:
        # Latched until somebody resets it, so waiting on is in vain.
        return self._is_in(ControllerState.FAULT)

    def _is_in(self, state: int) -> bool:
        return self._controller_state is not None and self._controller_state.state == state

    def _on_state(self, state: ControllerState) -> None:
        self._controller_state = state


def _message(goal: ReachGoal) -> Reach.Goal:
    message = Reach.Goal()
    message.timeout_s = REACH_TIMEOUT_S
    message.target.header.frame_id = FRAME
    pose = message.target.pose
    pose.position.x, pose.position.y, pose.position.z = goal.position_base_m
    orientation = pose.orientation
    orientation.x, orientation.y, orientation.z, orientation.w = goal.quaternion_base_xyzw
    return message


def _report(result: Reach.Result) -> ReachReport:
    return ReachReport(
        OUTCOMES.get(result.outcome, f'outcome {result.outcome}'),
        result.message,
        result.position_error_m,
        result.rotation_error_rad,
        result.duration_s,
    )
