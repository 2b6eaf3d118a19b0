"""Publishes the loop's telemetry; the part of the node that only speaks."""

from diagnostic_msgs.msg import DiagnosticArray
import numpy as np
from perl_core.contract import Contract
from perl_msgs.msg import (
    ControllerState,
    JointCommand,
    LoopTiming,
    PolicyState,
    ReachEvent,
    SafetyState,
)
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import JointState

from perl_control.messages import Messages, timing_diagnostics

STATE_RATE_HZ = 10
TIMING_RATE_HZ = 10
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
STREAM = QoSProfile(depth=50)
"""Deep enough for what one delayed round publishes at once."""


class TelemetryPublisher:
    """All topics of the controller."""

    def __init__(self, node: Node, contract: Contract, joint_state_rate_hz: int) -> None:
        """Create the publishers.

        Args:
            node: of the controller.
            contract: gives rates.
            joint_state_rate_hz: divides the control rate.
        """
        create = node.create_publisher
        self._joints = create(JointState, '/joint_states', STREAM)
        self._state = create(ControllerState, '~/state', LATCHED)
        self._command = create(JointCommand, '~/command', STREAM)
        self._policy = create(PolicyState, '~/policy_state', STREAM)
        self._timing = create(LoopTiming, '~/loop_timing', STREAM)
        self._safety = create(SafetyState, '~/safety', LATCHED)
        self._events = create(ReachEvent, '~/reach_events', STREAM)
        self._diagnostics = create(DiagnosticArray, '/diagnostics', 10)
        rate_hz = contract.control_rate_hz
        self._joint_every = rate_hz // joint_state_rate_hz
        self._command_every = contract.substeps
        self._state_every, self._timing_ticks = rate_hz // STATE_RATE_HZ, rate_hz // TIMING_RATE_HZ
        self._second_ticks = rate_hz
        self.forget()

    def forget(self) -> None:
        """Begin anew with another loop."""
        self._last_state, self._last_safety = -1, (-1, b'')
        self._limited = False
        self._pending: list[np.ndarray] = []
        self._second: list[np.ndarray] = []

    def event(self, message: ReachEvent) -> None:
        """Publish the beginning or the end of a goal."""
        self._events.publish(message)

    def state(self, message: ControllerState) -> None:
        """Publish a state that no record tells."""
        self._last_state = -1
        self._state.publish(message)

    def records(self, records: np.ndarray, lost: int, messages: Messages) -> None:
        """Publish what new telemetry says.

        Args:
            records: at least one.
            lost: records overwritten unread just before these.
            messages: builds the messages.
        """
        ticks = records['tick']
        for record in records[ticks % self._joint_every == 0]:
            self._joints.publish(messages.joint_state(record))
        self._publish_commands(records, messages)
        for record in records[records['policy_ran']]:
            self._policy.publish(messages.policy_state(record))
        self._publish_states(records, messages)
        self._publish_timing(records, lost, messages)

    def _publish_commands(self, records: np.ndarray, messages: Messages) -> None:
        ends = np.flatnonzero(records['tick'] % self._command_every == 0)
        begin = 0
        for end in ends:
            limited = self._limited or bool(records['limited'][begin : end + 1].any())
            self._command.publish(messages.joint_command(records[end], limited))
            self._limited, begin = False, end + 1
        self._limited = self._limited or bool(records['limited'][begin:].any())

    def _publish_states(self, records: np.ndarray, messages: Messages) -> None:
        states = records['state'].astype(int)
        changed = np.diff(states, prepend=self._last_state) != 0
        due = records['tick'] % self._state_every == 0
        for record in records[changed | due]:
            self._state.publish(messages.controller_state(record))
        self._last_state = states[-1]
        last = records[-1]
        safety = (int(last['severity']), bytes(last['reasons']))
        if safety != self._last_safety or due.any():
            self._safety.publish(messages.safety_state(last))
            self._last_safety = safety

    def _publish_timing(self, records: np.ndarray, lost: int, messages: Messages) -> None:
        """Publish every tick; a message holds consecutive ticks only."""
        if lost and self._pending:
            self._flush_timing(messages)
        self._pending.append(records)
        if sum(map(len, self._pending)) >= self._timing_ticks:
            self._flush_timing(messages)

    def _flush_timing(self, messages: Messages) -> None:
        self._timing.publish(messages.loop_timing(np.concatenate(self._pending)))
        self._second.extend(self._pending)
        self._pending = []

    def diagnostics(self, lost: int, robot_ip: str, messages: Messages, now_ns: int) -> None:
        """Publish the timing of the last second, if a second has passed."""
        if sum(map(len, self._second)) < self._second_ticks:
            return
        status = timing_diagnostics(np.concatenate(self._second), lost, robot_ip)
        message = DiagnosticArray(status=[status])
        message.header.stamp = messages.stamp(now_ns)
        self._diagnostics.publish(message)
        self._second = []


