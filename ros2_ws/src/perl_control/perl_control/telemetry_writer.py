"""Fills one telemetry record a tick and appends it to the ring."""

import numpy as np
from perl_core.kinematics import Pose
from perl_core.robot_state import RobotState
from perl_safety.filter import FilterResult
from perl_safety.severity import Severity

from perl_control.mailbox import Orders
from perl_control.pacing import Pacer, Wake
from perl_control.policy_runner import Decision
from perl_control.states import State
from perl_control.telemetry import RECORD, TelemetryRing


class TelemetryWriter:
    """Owns one record and overwrites it every tick."""

    def __init__(self, ring: TelemetryRing) -> None:
        """Start with an empty record."""
        self._ring = ring
        self._record = np.zeros(1, dtype=RECORD)
        self._at = {name: self._record[name] for name in RECORD.names or ()}

    def robot(self, state: RobotState, now_ns: int) -> None:
        """Note the state that this tick used."""
        at = self._at
        at['state_age_us'][0] = (now_ns - state.fresh_ns) * 1e-3
        at['controller_time_s'][0] = state.controller_time_s
        at['robot_mode'][0] = state.robot_mode
        at['safety_mode'][0] = state.safety_mode
        at['safety_status_bits'][0] = state.safety_status_bits
        at['runtime_state'][0] = state.runtime_state
        at['speed_scaling'][0] = state.speed_scaling
        at['tool_force_n'][0] = state.tool_force_n
        at['measured_rad'][0] = state.joint_position_rad
        at['measured_rad_s'][0] = state.joint_velocity_rad_s

    def orders(self, orders: Orders) -> None:
        """Note what the node wants of every tick."""
        self._at['speed_scale'][0] = orders.speed_scale

    def command(
        self, asked_rad: np.ndarray | None, result: FilterResult, filter_us: float
    ) -> None:
        """Note what was asked and what was sent; what nobody asked for counts as sent."""
        at = self._at
        at['filter_us'][0] = filter_us
        at['asked_rad'][0] = result.position_rad if asked_rad is None else asked_rad
        at['sent_rad'][0] = result.position_rad
        at['severity'][0] = result.severity
        at['limited'][0] = result.severity is Severity.LIMIT
        at['at_rest'][0] = not result.velocity_rad_s.any()
        at['reasons'][0] = '; '.join(result.reasons).encode() if result.reasons else b''

    def goal(self, orders: Orders, goal: Pose) -> None:
        """Note the goal; called when it changes."""
        at = self._at
        at['goal_sequence'][0] = orders.goal_sequence
        at['goal_id'][0] = np.frombuffer(orders.goal_id, dtype='u1')
        at['goal_position_m'][0] = goal.position_m
        at['goal_rotation'][0] = goal.rotation

    def decision(self, decision: Decision | None, shadow: bool) -> None:
        """Note what the policy saw and said, if it ran, and whether the arm did not follow it."""
        at = self._at
        at['shadow'][0] = shadow
        at['policy_ran'][0] = decision is not None
        if decision is not None:
            at['observation'][0] = decision.observation
            at['action'][0] = decision.action
            at['gate'][0] = decision.gate
            at['branch'][0] = decision.branch
            at['inference_us'][0] = decision.inference_us

    def counts(self, limited_ticks: int, stops: int, policy_misses: int) -> None:
        """Note counters since the start."""
        self._at['limited_ticks'][0] = limited_ticks
        self._at['stops'][0] = stops
        self._at['policy_misses'][0] = policy_misses

    def reset(self, sequence: int, note: str) -> None:
        """Note that a reset was handled, and why it was refused, if it was."""
        self._at['reset_sequence'][0] = sequence
        self._at['note'][0] = note.encode()

    def finish(self, tick: int, wake: Wake, sent_ns: int, pacer: Pacer, state: State) -> None:
        """Note the time until the target was on its way, and append the record."""
        at = self._at
        at['tick'][0] = tick
        at['deadline_ns'][0] = wake.deadline_ns
        at['lateness_us'][0] = wake.lateness_us
        at['overruns'][0] = pacer.overruns
        at['skipped'][0] = pacer.skipped
        at['state'][0] = state
        at['work_us'][0] = (sent_ns - wake.now_ns) * 1e-3
        self._ring.write(self._record[0])
