"""What the controller reports of arm, tool and program, as a table of RTDE variables.

Only what somebody reads is measured. What is not here is a register, is set by a command, or
stays as it is at rest: see rtde_variables.py.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from perl_sim.ur_controller.controller import Controller
from perl_sim.ur_controller.inputs import apply_inputs
from perl_sim.ur_controller.motions import TICK_S
from perl_sim.ur_controller.rtde_variables import OUTPUTS, Values
from perl_sim.ur_controller.tool import Tool

__all__ = ['MEASUREMENTS', 'START_TIME_S', 'Measurements', 'apply_inputs', 'measure']

START_TIME_S = 42.0
"""The clock at start: UR's client library takes less than 40 s for a controller that boots."""
_CACHED_CHOICES = 64
"""Sets of wanted variables of which the measurements are remembered."""


class Measurement(NamedTuple):
    """Variables that are measured together."""

    names: tuple[str, ...]
    """RTDE variables."""
    measure: Callable[[Controller, Tool], tuple]
    """Returns a value for each name: an array, or a single number."""


def _modes(controller: Controller, _: Tool) -> tuple:
    return (
        START_TIME_S + (controller.tick - controller.boot_tick) * TICK_S,
        int(controller.robot_mode),
        int(controller.safety_mode),
        int(controller.safety_mode),
        controller.safety_status_bits,
        controller.robot_status_bits,
        int(controller.runtime_state),
    )


def _actual_joints(controller: Controller, _: Tool) -> tuple:
    return controller.arm.position_rad, controller.arm.velocity_rad_s


def _target_joints(controller: Controller, _: Tool) -> tuple:
    arm = controller.arm
    return *arm.reference, arm.reference_acceleration_rad_s2


def _torques(controller: Controller, _: Tool) -> tuple:
    torque_n_m = controller.arm.torque_n_m
    return torque_n_m, torque_n_m, torque_n_m


def _actual_tool(controller: Controller, tool: Tool) -> tuple:
    return tool.pose_and_speed(controller.arm.position_rad, controller.arm.velocity_rad_s)


def _target_tool(controller: Controller, tool: Tool) -> tuple:
    return tool.pose_and_speed(*controller.arm.reference)


MEASUREMENTS = (
    Measurement(
        ('timestamp', 'robot_mode', 'safety_mode', 'safety_status', 'safety_status_bits',
         'robot_status_bits', 'runtime_state'), _modes),
    Measurement(('actual_q', 'actual_qd'), _actual_joints),
    Measurement(('target_q', 'target_qd', 'target_qdd'), _target_joints),
    Measurement(('target_moment', 'actual_moment', 'actual_current_as_torque'), _torques),
    Measurement(('actual_TCP_pose', 'actual_TCP_speed'), _actual_tool),
    Measurement(('target_TCP_pose', 'target_TCP_speed'), _target_tool),
    Measurement(('tcp_offset',), lambda _, tool: (tool.offset,)),
)
"""Everything that is measured."""


class Measurements:
    """Writes the present state of one robot into the RTDE variables, as far as it is wanted."""

    def __init__(self, values: Values, controller: Controller, tool: Tool) -> None:
        """Measure everything once.

        Args:
            values: of all variables.
            controller: to report.
            tool: on its arm.
        """
        self._values = values
        self._controller = controller
        self._tool = tool
        self._choices: dict[tuple[frozenset[str], ...], list[Measurement]] = {}
        self.update(frozenset(OUTPUTS))

    def update(self, *wanted: frozenset[str]) -> None:
        """Measure the variables in any of these sets."""
        chosen = self._choices.get(wanted)
        if chosen is None:
            chosen = self._choose(wanted)
        for names, take in chosen:
            for name, value in zip(names, take(self._controller, self._tool), strict=True):
                self._values[name] = _as_tuple(value)

    def _choose(self, wanted: tuple[frozenset[str], ...]) -> list[Measurement]:
        if len(self._choices) >= _CACHED_CHOICES:
            self._choices.clear()
        names = frozenset().union(*wanted)
        chosen = [each for each in MEASUREMENTS if not names.isdisjoint(each.names)]
        self._choices[wanted] = chosen
        return chosen


def measure(values: Values, controller: Controller, tool: Tool) -> None:
    """Write everything once."""
    Measurements(values, controller, tool)


def _as_tuple(value: np.ndarray | float | tuple) -> tuple:
    if isinstance(value, np.ndarray):
        return tuple(value.tolist())
    return value if isinstance(value, tuple) else (value,)
