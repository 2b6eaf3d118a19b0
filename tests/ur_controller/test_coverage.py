"""The page on coverage is what the code says, and the code knows all there is."""

from pathlib import Path

from perl_sim.ur_controller import coverage
from perl_sim.ur_controller.rtde_variables import OUTPUTS
from perl_sim.ur_controller.script_table import ALL_COMMANDS, NOT_FOR_THE_SCRIPT
import pytest

PAGE = Path(__file__).parents[2] / 'docs' / 'ur_controller_coverage.md'
WORDS = {*range(72), 99, 255} - {5, 32}
"""ur_rtde 1.6.5, rtde.h: the enumeration of command words."""
_RECEIVED = (
    'timestamp target_q target_qd target_qdd target_current target_moment actual_q actual_qd',
    'actual_current joint_control_output actual_TCP_pose actual_TCP_speed actual_TCP_force',
    'target_TCP_pose target_TCP_speed actual_digital_input_bits joint_temperatures',
    'actual_execution_time robot_mode joint_mode safety_mode actual_tool_accelerometer',
    'speed_scaling target_speed_fraction actual_momentum actual_main_voltage actual_robot_voltage',
    'actual_robot_current actual_joint_voltage actual_digital_output_bits runtime_state',
    'standard_analog_input0 standard_analog_input1 standard_analog_output0',
    'standard_analog_output1 robot_status_bits safety_status_bits ft_raw_wrench payload',
    'payload_cog payload_inertia',
    'actual_current_as_torque',
)
RECEIVED = frozenset(name for line in _RECEIVED for name in line.split())
"""ur_rtde 1.6.5, rtde_receive_interface.cpp: what it reads besides registers."""


def test_the_page_is_up_to_date():
    assert PAGE.read_text() == coverage.page(), (
        f'write it anew: python -m perl_sim.ur_controller.coverage > docs/{PAGE.name}')


def test_every_command_word_is_answered_or_explained():
    assert set(ALL_COMMANDS) | set(NOT_FOR_THE_SCRIPT) == WORDS
    assert not set(ALL_COMMANDS) & set(NOT_FOR_THE_SCRIPT)


@pytest.mark.parametrize('rows', [
    coverage.ports(), coverage.command_words(), coverage.dashboard_commands(), coverage.faults(),
    coverage.variables('input'), coverage.variables('output'),
])
def test_every_row_says_what_it_covers(rows):
    assert len(rows) > 7
    assert len({row[:2] for row in rows}) == len(rows)
    assert all(row[0] and row[-1] for row in rows)


def test_what_ur_rtde_reads_is_there():
    assert set(OUTPUTS) >= RECEIVED


def test_the_functions_of_scripts_that_move_are_there():
    names = coverage.script_functions()
    assert {'movej', 'movel', 'movep', 'servoj', 'speedj', 'speedl', 'stopj', 'stopl',
            'force_mode', 'set_digital_out', 'textmsg'} <= set(names)
