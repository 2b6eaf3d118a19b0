"""The action server Reach: goals in, orders to the loop, feedback and results out.

A goal is accepted by the action protocol even if it is refused, since a rejection carries no
text; it then ends as aborted with the outcome REFUSED and a sentence. Nothing here waits: a goal
is executed, in the sense of the protocol, at the moment at which its result is known.
"""

import time
from typing import NamedTuple

import numpy as np
from perl_core.contract import Contract
from perl_core.kinematics import Kinematics, Pose
from perl_core.observation import ReachErrors
from perl_core.rotation import vector_from_rotation
from perl_msgs.action import Reach
from perl_msgs.msg import ReachEvent
from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.node import Node

from perl_control.loop_client import LoopClient
from perl_control.mailbox import Mode
from perl_control.messages import FRAME, Messages, pose_message
from perl_control.reach import (
    End,
    Goal,
    GoalRefusedError,
    Outcome,
    ReachTracker,
    Request,
    accept,
)
from perl_control.states import State
from perl_control.telemetry_node import TelemetryPublisher

FEEDBACK_PERIOD_S = 0.08
"""12.5 Hz: between 10 and 25."""
_BEGIN = End(Outcome.REACHED, '', 0.0)
"""Stands for the end where a goal only begins: no message, no duration."""
_UNKNOWN = ReachErrors(float('nan'), float('nan'))
_MAY_MOVE = (State.ARMED, State.MOVING, State.STOPPING)


class _Active(NamedTuple):
    """The goal that is pursued."""

    handle: ServerGoalHandle
    tracker: ReachTracker
    loop: LoopClient


class ReachServer:
    """Pursues one goal at a time; a newer one takes over."""

    def __init__(
        self, node: Node, contract: Contract, publisher: TelemetryPublisher
    ) -> None:
        """Create the action server.

        Args:
            node: of the controller.
            contract: gives the workspace.
            publisher: for reach events.
        """
        self._contract, self._publisher = contract, publisher
        self._kinematics = Kinematics()
        self._loop: LoopClient | None = None
        self._messages = Messages('', '')
        self._active: _Active | None = None
        self._canceling = False
        self._feedback_s = 0.0
        self._server = ActionServer(
            node, Reach, '~/reach', execute_callback=self._never,
            handle_accepted_callback=self._on_accepted, cancel_callback=self._on_cancel,
        )

    def attach(self, loop: LoopClient, messages: Messages, kinematics: Kinematics) -> None:
        """Use a running loop."""
        self._loop, self._messages, self._kinematics = loop, messages, kinematics

    def detach(self, message: str) -> None:
        """Let go of the loop; a goal that is still pursued ends as STOPPED."""
        self.stop(message)
        self._loop = None

    def stop(self, message: str) -> None:
        """End the pursued goal, if any, as STOPPED."""
        if self._active is not None:
            tracker = self._active.tracker
            self._finish(self._active, tracker.end(Outcome.STOPPED, message, time.monotonic_ns()))

    def update(self, records: np.ndarray) -> None:
        """Take new telemetry, at least one record."""
        active, now_ns = self._active, time.monotonic_ns()
        if active is None:
            return
        end = active.tracker.update(records)
        if end is None and active.handle.is_cancel_requested:
            end = self._cancel(active, records[-1], now_ns)
        elif end is None:
            end = active.tracker.timed_out(now_ns)
        if end is not None:
            self._finish(active, end)
        elif time.monotonic() - self._feedback_s > FEEDBACK_PERIOD_S:
            self._send_feedback(active, now_ns)

    def _cancel(self, active: _Active, last: np.void, now_ns: int) -> End | None:
        """Brake; the goal ends when the arm is at rest."""
        if not self._canceling:
            self._canceling = True
            active.loop.drop_goal()
        if not last['at_rest'] or last['state'] == State.MOVING:
            return None
        return active.tracker.end(Outcome.CANCELED, 'canceled; the arm is at rest', now_ns)

    def _on_cancel(self, handle: ServerGoalHandle) -> CancelResponse:
        return CancelResponse.ACCEPT if self._is_active(handle) else CancelResponse.REJECT

    def _is_active(self, handle: ServerGoalHandle) -> bool:
        active = self._active
        return active is not None and _id(active.handle) == _id(handle)

    def _on_accepted(self, handle: ServerGoalHandle) -> None:
        request = _request(handle.request)
        try:
            loop = self._armed_loop()
            goal = accept(request, self._contract, self._kinematics)
        except GoalRefusedError as error:
            self._refuse(handle, str(error))
            return
        if self._active is not None:
            end = self._active.tracker.end(
                Outcome.PREEMPTED, 'a newer goal took over', time.monotonic_ns()
            )
            self._finish(self._active, end, drop=False)
        self._pursue(handle, goal, loop)

    def _pursue(self, handle: ServerGoalHandle, goal: Goal, loop: LoopClient) -> None:
        now_ns = time.monotonic_ns()
        errors = self._errors(goal.pose, loop.measured_rad)
        sequence = loop.pursue(goal.pose, _id(handle), goal.home, goal.speed_scale)
        self._active = _Active(handle, ReachTracker(goal, sequence, now_ns, errors), loop)
        self._canceling = False
        self._publish_event(handle, goal, ReachEvent.STARTED, errors, _BEGIN)

    def _armed_loop(self) -> LoopClient:
        """Return the loop if it may move.

        Raises:
            GoalRefusedError: it may not, or there is none.
        """
        loop = self._loop
        if loop is None or loop.state not in _MAY_MOVE or loop.orders.mode != Mode.ARMED:
            state = State.DISCONNECTED if loop is None else loop.state
            raise GoalRefusedError(
                f'expected an armed controller, it is {state.name}. '
                'Activate the node, or call its reset service after a fault.'
            )
        return loop

    def _refuse(self, handle: ServerGoalHandle, message: str) -> None:
        end = End(Outcome.REFUSED, message, 0.0)
        self._publish_event(handle, None, ReachEvent.STARTED, _UNKNOWN, _BEGIN)
        self._publish_event(handle, None, Outcome.REFUSED, _UNKNOWN, end)
        handle.execute(lambda refused: _result(refused, end, _UNKNOWN))

    def _finish(self, active: _Active, end: End, drop: bool = True) -> None:
        self._active = None
        if drop:
            active.loop.drop_goal()
        errors, handle = active.tracker.pursuit.errors, active.handle
        self._publish_event(handle, active.tracker.goal, end.outcome, errors, end)
        handle.execute(lambda ended: _result(ended, end, errors))

    def _send_feedback(self, active: _Active, now_ns: int) -> None:
        pursuit = active.tracker.pursuit
        self._feedback_s = time.monotonic()
        active.handle.publish_feedback(Reach.Feedback(
            position_error_m=pursuit.errors.position_m,
            rotation_error_rad=pursuit.errors.rotation_rad,
            gate=pursuit.gate,
            branch=pursuit.branch,
            elapsed_s=active.tracker.elapsed_s(now_ns),
        ))

    def _errors(self, goal: Pose, measured_rad: np.ndarray) -> ReachErrors:
        """Return the distance of the measured tool from a goal."""
        tool = self._kinematics.tool_pose(measured_rad)
        left_rad = vector_from_rotation(goal.rotation @ tool.rotation.T)
        return ReachErrors(
            float(np.linalg.norm(goal.position_m - tool.position_m)),
            float(np.linalg.norm(left_rad)),
        )

    def _publish_event(
        self, handle: ServerGoalHandle, goal: Goal | None, event: int, errors: ReachErrors,
        end: End,
    ) -> None:
        asked = handle.request
        message = ReachEvent(
            goal_id=handle.goal_id.uuid,
            event=event,
            goal=asked.target.pose if goal is None else pose_message(goal.pose),
            position_tolerance_m=(goal or asked).position_tolerance_m,
            rotation_tolerance_rad=(goal or asked).rotation_tolerance_rad,
            timeout_s=(goal or asked).timeout_s,
            position_error_m=errors.position_m,
            rotation_error_rad=errors.rotation_rad,
            duration_s=end.duration_s,
            message=end.message,
        )
        message.header.stamp = self._messages.stamp(time.monotonic_ns())
        message.header.frame_id = asked.target.header.frame_id if goal is None else FRAME
        self._publisher.event(message)

    def _never(self, handle: ServerGoalHandle) -> Reach.Result:
        """Every goal brings its own callback when it ends."""
        return _result(handle, End(Outcome.REFUSED, 'not accepted', 0.0), _UNKNOWN)


def _id(handle: ServerGoalHandle) -> bytes:
    return bytes(handle.goal_id.uuid)


def _request(asked: Reach.Goal) -> Request:
    position, q = asked.target.pose.position, asked.target.pose.orientation
    return Request(
        asked.target.header.frame_id,
        (position.x, position.y, position.z),
        (q.x, q.y, q.z, q.w),
        asked.position_tolerance_m,
        asked.rotation_tolerance_rad,
        asked.settle_s,
        asked.timeout_s,
        asked.home,
        asked.speed_scale,
    )


def _result(handle: ServerGoalHandle, end: End, errors: ReachErrors) -> Reach.Result:
    """Set the goal's final state and return its result."""
    if end.outcome is Outcome.REACHED:
        handle.succeed()
    elif end.outcome is Outcome.CANCELED:
        handle.canceled()
    else:
        handle.abort()
    return Reach.Result(
        outcome=end.outcome,
        message=end.message,
        position_error_m=errors.position_m,
        rotation_error_rad=errors.rotation_rad,
        duration_s=end.duration_s,
    )
