"""The monitor's judgement: measured state in, named and latched reasons to stop out.

It shares no state with the control loop and looks at nothing but what the robot itself reports.
A program that does not run is not a reason: before the controller arms, the arm just stands.
"""

from collections.abc import Sequence
import math
from typing import NamedTuple

import numpy as np
from perl_core.contract import JOINT_NAMES
from perl_core.kinematics import Kinematics
from perl_core.robot_state import ROBOT_MODE_RUNNING, RobotState

from perl_safety.limits import MonitorLimits
from perl_safety.rules.safety_bits import safety_reason
from perl_safety.severity import Severity

_ELBOW_FRAME = 2
"""Denavit-Hartenberg frame with its origin in the elbow."""


class Violation(NamedTuple):
    """One limit that does not hold."""

    reason: str
    """Stable name of the check, and of the joint or bit that it is about."""
    detail: str
    """What was measured and what was expected."""


class Monitor:
    """Judges one arm; not thread-safe."""

    def __init__(self, limits: MonitorLimits, kinematics: Kinematics) -> None:
        """Set the monitor up.

        Args:
            limits: what the measured state may be.
            kinematics: of this arm; not shared with another thread.
        """
        self.limits = limits
        self.stops = 0
        self._kinematics = kinematics
        self._lower_rad = np.array(limits.joint_lower_rad)
        self._upper_rad = np.array(limits.joint_upper_rad)
        self._centre_m = np.array(limits.workspace_centre_base_m)
        self._present: dict[str, str] = {}
        self._latched: dict[str, str] = {}

    @property
    def latched(self) -> tuple[str, ...]:
        """Reasons of the stop in force, oldest first."""
        return tuple(self._latched)

    @property
    def details(self) -> dict[str, str]:
        """What was measured when each of the latched reasons came up."""
        return dict(self._latched)

    @property
    def severity(self) -> Severity:
        """STOP while anything is latched, else PASS."""
        return Severity.STOP if self._latched else Severity.PASS

    def check(
        self, state: RobotState, now_ns: int, found: Sequence[Violation] = ()
    ) -> tuple[str, ...]:
        """Judge one state and return all latched reasons.

        Args:
            state: newest report of the robot.
            now_ns: time.monotonic_ns().
            found: what else does not hold now, and is not in the state.
        """
        self._present = dict([*self._violations(state, now_ns), *found])
        for reason, detail in self._present.items():
            self.latch(reason, detail)
        return self.latched

    def latch(self, reason: str, detail: str) -> None:
        """Latch a reason, once."""
        if not self._latched:
            self.stops += 1
        self._latched.setdefault(reason, detail)

    def reset(self) -> tuple[str, ...]:
        """Clear the latch, except for what the last check still found; return that."""
        self._latched = dict(self._present)
        return self.latched

    def _violations(self, state: RobotState, now_ns: int) -> list[Violation]:
        """Return every limit that does not hold."""
        found = self._of_robot(state, now_ns)
        measured = np.concatenate((state.joint_position_rad, state.joint_velocity_rad_s))
        if not np.isfinite(measured).all():
            return [*found, Violation('finite', 'measured joints are not finite')]
        return found + self._of_joints(state) + self._of_tool(state)

    def _of_robot(self, state: RobotState, now_ns: int) -> list[Violation]:
        """Return what is wrong with the stream, the safety status and the mode."""
        found = []
        age_s = state.age_s(now_ns)
        if age_s > self.limits.state_stop_age_s:
            found.append(Violation(
                'stale_state',
                f'no new state for {age_s:.3f} s, at most {self.limits.state_stop_age_s} s',
            ))
        reason = safety_reason(state.safety_status_bits, state.safety_mode)
        if reason is not None:
            found.append(Violation(
                reason,
                f'safety_status_bits {state.safety_status_bits:#x}, '
                f'safety_mode {state.safety_mode}; expected normal or reduced',
            ))
        if state.robot_mode != ROBOT_MODE_RUNNING:
            found.append(Violation(
                f'robot_mode:{state.robot_mode}', f'expected {ROBOT_MODE_RUNNING} (running)'
            ))
        return found

    def _of_joints(self, state: RobotState) -> list[Violation]:
        """Return the joints that are out of place or too fast."""
        position, speed = state.joint_position_rad, np.abs(state.joint_velocity_rad_s)
        outside = (position < self._lower_rad) | (position > self._upper_rad)
        found = [
            Violation(
                f'joint_position:{JOINT_NAMES[joint]}',
                f'{position[joint]:.3f} rad, expected {self._lower_rad[joint]:.3f} '
                f'to {self._upper_rad[joint]:.3f}',
            )
            for joint in np.flatnonzero(outside)
        ]
        limit = self.limits.max_joint_speed_rad_s
        return found + [
            Violation(
                f'joint_speed:{JOINT_NAMES[joint]}',
                f'{speed[joint]:.3f} rad/s, at most {limit}',
            )
            for joint in np.flatnonzero(speed > limit)
        ]

    def _of_tool(self, state: RobotState) -> list[Violation]:
        """Return whether tool0 is out of place or too fast."""
        limits = self.limits
        tool, jacobian = self._kinematics.tool_pose_and_jacobian(state.joint_position_rad)
        distance_m = math.dist(tool.position_m, self._centre_m)
        height_m = float(tool.position_m[2])
        elbow_m = float(self._kinematics.frames(state.joint_position_rad)[_ELBOW_FRAME, 2, 3])
        speed_m_s = float(np.linalg.norm(jacobian[:3] @ state.joint_velocity_rad_s))
        found = []
        if distance_m > limits.workspace_radius_m:
            found.append(Violation(
                'workspace:sphere',
                f'tool0 {distance_m:.3f} m from the centre, at most {limits.workspace_radius_m}',
            ))
        if height_m < limits.min_tool_height_base_m:
            found.append(Violation(
                'workspace:table',
                f'tool0 at z = {height_m:.3f} m, at least {limits.min_tool_height_base_m}',
            ))
        if elbow_m < limits.min_elbow_height_base_m:
            found.append(Violation(
                'elbow:height',
                f'elbow at z = {elbow_m:.3f} m, at least {limits.min_elbow_height_base_m}',
            ))
        if speed_m_s > limits.max_tool_speed_m_s:
            found.append(Violation(
                'tool_speed',
                f'tool0 at {speed_m_s:.3f} m/s, at most {limits.max_tool_speed_m_s}',
            ))
        return found
