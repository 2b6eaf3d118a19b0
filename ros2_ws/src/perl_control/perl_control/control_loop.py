"""One control tick: read, decide, plan, filter, send, note."""

import time
from typing import NamedTuple

import numpy as np
from perl_core.action import Command
from perl_core.errors import PolicyError, RobotError
from perl_core.kinematics import Pose
from perl_core.robot_state import RUNTIME_PLAYING, RobotState
from perl_safety.filter import FilterResult, SafetyFilter
from perl_safety.heartbeat import HeartbeatWriter
from perl_safety.rules.facts import LoopFacts
from perl_safety.rules.safety_bits import safety_reason

from perl_control.mailbox import Mailbox, Mode, Orders
from perl_control.pacing import Pacer, Wake
from perl_control.policy_runner import Decision, PolicyRunner
from perl_control.robots.base import RobotLink
from perl_control.states import Situation, State, is_armed, next_state
from perl_control.telemetry_writer import TelemetryWriter
from perl_control.watch import Watch

REHEARSAL_S = 0.0004
"""Before a tick, for two rounds or more: the first, in cold caches, takes 0.1 to 0.2 ms."""
POLICY_REHEARSAL_S = 0.0014
"""The same with policy and plan, before the tick that needs them and the one before that. Measured
on a busy machine: the first round 0.9 ms, the second 0.4, the sixth 0.25."""
_SPARE_S = 0.00003
"""A round may take this much longer than the one before it."""
TARGET_REFUSED = 'target_refused'
"""Reason of a stop of which nothing else is known yet."""
NODE_GONE_S = 5.0
"""A node that was silent for this long does not come back: end."""


LOST = (
    'the connection to the robot is lost: check network and controller, then start again'
)
"""A client that has lost it corrupts its own memory: see robots/connections.py."""


class Parts(NamedTuple):
    """What the loop works with."""

    link: RobotLink
    """The arm."""
    safety: SafetyFilter
    """Every target passes through it."""
    runner: PolicyRunner
    """Policy and planner."""
    watch: Watch
    """Heartbeats."""
    mailbox: Mailbox
    """Orders of the node."""
    telemetry: TelemetryWriter
    """To the node."""
    pacer: Pacer
    """Deadlines."""
    heartbeat: HeartbeatWriter | None = None
    """Tells the safety monitor whether the arm moves; None: there is none to tell."""


class Moved(NamedTuple):
    """What became of one tick's target."""

    asked_rad: np.ndarray | None
    """Before the filter; None: to come to rest."""
    result: FilterResult
    """Of the filter."""
    filter_us: float
    """What the filter took."""
    sent_ns: int
    """time.monotonic_ns() at which the target was on its way."""


class ControlLoop:
    """The arm's owner."""

    def __init__(self, parts: Parts, now_ns: int, shadow: bool = False) -> None:
        """Take over a connected arm where it stands.

        Args:
            parts: everything, connected.
            now_ns: time.monotonic_ns().
            shadow: nothing is sent; the arm moves, if at all, by somebody else's command.
        """
        self._parts = parts
        self._shadow = shadow
        self._tick = 0
        self._born_ns, self._deadline_ns = now_ns, 0
        self._ending = False
        self._armed = False
        self._sending = True
        self._lost = False
        self._state = State.STANDBY
        self._goal = Pose(np.zeros(3), np.eye(3))
        self._goal_sequence = 0
        self._dead_goal = 0
        self._reset_sequence = 0
        self._decision: Decision | None = None
        state = self._seen = parts.link.read_state(now_ns)
        parts.runner.warm_up(state)
        self._seed(state)

    @property
    def state(self) -> State:
        """What the loop is doing."""
        return self._state

    @property
    def done(self) -> bool:
        """Whether the loop was asked to end and the arm is at rest."""
        return self._ending and (self._at_rest or not self._sending)

    def end(self) -> None:
        """Ramp down; ``done`` follows."""
        self._ending = True

    def run(self) -> None:
        """Tick until done.

        Raises:
            RobotError: the connection to the robot is lost.
        """
        self._parts.pacer.restart()
        while not self.done:
            ended_ns = time.monotonic_ns()
            self.tick(self._parts.pacer.wait(self._rehearse(), ended_ns))
            if self._lost:
                raise RobotError(LOST)

    def tick(self, wake: Wake) -> None:
        """Do one control period."""
        parts, now_ns = self._parts, wake.now_ns
        self._tick += 1
        self._lost = not parts.link.connected
        if self._lost:
            self._sending = False
            parts.safety.stop('connection_lost')
        orders = parts.mailbox.read()
        if not self._lost:
            self._answer_reset(orders, now_ns)
        reported = state = parts.link.read_state(now_ns)
        if self._shadow:
            # Whose program moves an arm that we only watch, if any, is not our concern.
            state = state._replace(runtime_state=RUNTIME_PLAYING)
        self._seen = state
        pursuing = self._supervise(orders, state, now_ns)
        if self._shadow:
            self._follow_arm(state, pursuing)
        asked_rad = self._target(state, orders) if pursuing else None
        moved = self._move(asked_rad, state, now_ns, self._facts(orders, state, wake))
        self._note(orders, reported, wake, moved)

    def _note(self, orders: Orders, reported: RobotState, wake: Wake, moved: Moved) -> None:
        """Tell node, black box and monitor about this tick, now that the target is on its way."""
        parts, telemetry = self._parts, self._parts.telemetry
        if moved.asked_rad is not None:
            parts.runner.follow(moved.asked_rad, self._command)
        telemetry.robot(reported, wake.now_ns)
        telemetry.orders(orders)
        telemetry.decision(self._decision, shadow=self._shadow or orders.goal_home)
        self._decision = None
        telemetry.command(moved.asked_rad, moved.result, moved.filter_us)
        telemetry.counts(parts.safety.limited_ticks, parts.safety.stops, parts.runner.misses)
        telemetry.finish(self._tick, wake, moved.sent_ns, parts.pacer, self._state)
        if parts.heartbeat is not None:
            parts.heartbeat.beat(self._at_rest, self._state.name)

    def _rehearse(self) -> bool:
        """Before a tick of a motion, warm the caches for it in time left over.

        Nothing that the tick decides depends on it.

        Returns:
            Whether they are warm.
        """
        parts = self._parts
        if self._state != State.MOVING:
            return False
        due = parts.runner.nearly_due
        lead_s = POLICY_REHEARSAL_S if due else REHEARSAL_S
        left_s = parts.pacer.wait_until_ahead(lead_s)
        needed_s, awake = 0.5 * lead_s, False
        while left_s > needed_s:
            self._rehearse_once(due)
            before_s, left_s, awake = left_s, parts.pacer.left_s, True
            needed_s = before_s - left_s + _SPARE_S
        return awake

    def _rehearse_once(self, due: bool) -> None:
        """Do what a tick does before it sends, without any trace of it."""
        parts, now_ns = self._parts, time.monotonic_ns()
        if due:
            parts.runner.rehearse(self._seen, self._goal, self._command)
        if parts.link.connected and not parts.watch.reason(parts.mailbox.read(), now_ns):
            state = parts.link.read_state(now_ns)
            parts.safety.rehearse(parts.runner.planned_target, state, now_ns)

    def _supervise(self, orders: Orders, state: RobotState, now_ns: int) -> bool:
        """Decide on the state; return whether to pursue the goal."""
        parts = self._parts
        reason = parts.watch.reason(orders, now_ns)
        if reason and self._armed:
            parts.safety.stop(reason)
        if parts.safety.latched[-1:] == (TARGET_REFUSED,):
            # The report of a stop may come after the refusal that it caused.
            cause = _refusal_reason(state)
            if cause:
                parts.safety.stop(cause)
        # A goal given before a stop, or before arming, must not start the arm afterwards.
        if not self._armed:
            self._dead_goal = orders.goal_sequence
        self._end_without_node(orders, now_ns)
        situation = Situation(
            faulted=bool(parts.safety.latched),
            ending=self._ending,
            wants_armed=orders.mode == Mode.ARMED,
            may_arm=not reason and state.age_s(now_ns) <= parts.safety.limits.state_hold_age_s,
            goal_active=orders.goal_active and orders.goal_sequence != self._dead_goal,
            at_rest=self._at_rest,
        )
        self._armed = is_armed(self._state, self._armed, situation)
        self._state = next_state(self._armed, situation)
        return self._state == State.MOVING

    def _end_without_node(self, orders: Orders, now_ns: int) -> None:
        """End when the node asks for it, or has been silent for too long."""
        beat_ns = orders.heartbeat_ns or self._born_ns
        if orders.mode == Mode.EXIT or now_ns - beat_ns > NODE_GONE_S * 1e9:
            self._ending = True

    def _target(self, state: RobotState, orders: Orders) -> np.ndarray | None:
        """Return this tick's joint target towards the goal; None after a policy that failed."""
        runner = self._parts.runner
        if orders.goal_sequence != self._goal_sequence:
            self._take_goal(orders)
        if runner.due:
            try:
                decision = runner.decide(state, self._goal)
            except PolicyError as error:
                self._parts.safety.stop(error.reason)
                return None
            self._decision = decision
            if orders.goal_home:
                runner.begin_homing(self._command, orders.speed_scale)
            else:
                runner.begin_period(decision, self._command, orders.speed_scale)
        return runner.next_target()

    def _follow_arm(self, state: RobotState, pursuing: bool) -> None:
        """Begin each policy period, and rest, where the arm that does not follow us really is."""
        if not pursuing:
            self._seed(state)
        elif self._parts.runner.due:
            self._parts.safety.seed(state.joint_position_rad, state.joint_velocity_rad_s)
            self._command = Command(state.joint_position_rad, state.joint_velocity_rad_s)
            self._at_rest = not state.joint_velocity_rad_s.any()

    def _take_goal(self, orders: Orders) -> None:
        self._goal_sequence = orders.goal_sequence
        self._goal = Pose(
            np.array(orders.goal_position_m), np.array(orders.goal_rotation).reshape(3, 3)
        )
        self._parts.runner.restart()
        self._parts.telemetry.goal(orders, self._goal)

    def _facts(self, orders: Orders, state: RobotState, wake: Wake) -> LoopFacts:
        """Return what only the loop knows of this tick."""
        parts, before_ns = self._parts, self._deadline_ns
        self._deadline_ns = wake.deadline_ns
        return LoopFacts(
            parts.watch.node_age_s(orders, wake.now_ns) if orders.goal_active else 0.0,
            (wake.deadline_ns - before_ns) // parts.pacer.period_ns - 1 if before_ns else 0,
            state.tool_force_n,
        )

    def _move(
        self, asked_rad: np.ndarray | None, state: RobotState, now_ns: int, facts: LoopFacts
    ) -> Moved:
        """Filter the target and send it."""
        parts = self._parts
        begin_ns = time.monotonic_ns()
        result = parts.safety.step(asked_rad, state, now_ns, facts)
        filter_us = (time.monotonic_ns() - begin_ns) * 1e-3
        taken = not self._sending or parts.link.send(result.position_rad)
        sent_ns = time.monotonic_ns()
        self._command = Command(
            result.position_rad, result.velocity_rad_s, result.acceleration_rad_s2
        )
        self._at_rest = not result.velocity_rad_s.any()
        if not taken:
            # ur_rtde complains on every target that is refused; one is enough.
            self._sending = False
            state = parts.link.read_state(sent_ns)
            parts.safety.stop(_refusal_reason(state) or TARGET_REFUSED)
        return Moved(asked_rad, result, filter_us, sent_ns)

    def _answer_reset(self, orders: Orders, now_ns: int) -> None:
        """Try to leave FAULT when the node asks for it."""
        if orders.reset_sequence == self._reset_sequence:
            return
        self._reset_sequence = orders.reset_sequence
        note = ''
        try:
            self._recover(orders, now_ns)
        except RobotError as error:
            note = str(error)
        self._parts.telemetry.reset(self._reset_sequence, note)

    def _recover(self, orders: Orders, now_ns: int) -> None:
        """Clear the stop and seed the command from the measured position.

        Raises:
            RobotError: the cause of the stop is still there.
        """
        parts = self._parts
        if not parts.safety.latched:
            return
        reason = parts.watch.reason(orders, now_ns)
        if reason:
            raise RobotError(
                f'expected node and safety monitor to watch without objection before a reset; '
                f'came: {reason}. Reset the monitor first.'
            )
        state = parts.link.read_state(now_ns)
        if not self._sending or state.runtime_state != RUNTIME_PLAYING:
            parts.link.restart()
            parts.pacer.restart()
            self._deadline_ns = 0
            state = parts.link.read_state(time.monotonic_ns())
        wrong = _safety_reason(state)
        if wrong:
            raise RobotError(
                f'expected a robot in normal safety status before a reset; came: {wrong}. '
                'Clear it on the teach pendant.'
            )
        parts.safety.reset()
        self._seed(state)
        self._sending = True

    def _seed(self, state: RobotState) -> None:
        """Start from where the arm really is, at rest."""
        self._parts.safety.seed(state.joint_position_rad)
        self._command = Command(state.joint_position_rad.copy(), np.zeros(6))
        self._at_rest = True


def _refusal_reason(state: RobotState) -> str:
    """Return the name of why the robot takes no targets, or an empty string."""
    stopped = state.runtime_state != RUNTIME_PLAYING
    return _safety_reason(state) or (f'runtime_state:{state.runtime_state}' if stopped else '')


def _safety_reason(state: RobotState) -> str:
    """Return the name of the robot's own stop, or an empty string."""
    return safety_reason(state.safety_status_bits, state.safety_mode) or ''
