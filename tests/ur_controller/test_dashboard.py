"""The dashboard's answers and the transitions behind them."""

import functools

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
from perl_core.contract import Contract
from perl_sim.ur_controller.arm import Arm
from perl_sim.ur_controller.controller import (
    UNLOCK_DELAY_TICKS,
    Controller,
    RuntimeState,
    SafetyMode,
)
from perl_sim.ur_controller.dashboard_commands import COMMANDS, UNLOCK_TOO_EARLY
from perl_sim.ur_controller.dashboard_server import REFUSED_IN_LOCAL_MODE, Dashboard
from perl_sim.ur_controller.modes import RobotMode
from perl_sim.ur_controller.pendant import Pendant
import pytest

VERSION = (5, 11, 5, 1234)


@pytest.fixture
def controller():
    return Controller(Arm(np.array(Contract().home_rad)))


@pytest.fixture
def dashboard(controller):
    return Dashboard(controller, VERSION)


@pytest.mark.parametrize(('command', 'reply'), [
    ('PolyscopeVersion', 'URSoftware 5.11.5.1234 (Mar 22 2022)'),
    ('is in remote control', 'true'),
    ('robotmode', 'Robotmode: RUNNING'),
    ('safetystatus', 'Safetystatus: NORMAL'),
    ('programState', 'STOPPED <unnamed>'),
    ('running', 'Program running: false'),
    ('play', 'Failed to execute: play'),
    ('stop', 'Stopped'),
    ('load reach.urp', 'File not found: reach.urp'),
    ('popup hello world', 'showing popup'),
    ('close popup', 'closing popup'),
    ('close safety popup', 'closing safety popup'),
    ('set operational mode manual', 'Operational mode MANUAL is set'),
    ('set operational mode none', 'Failed setting operational mode: none'),
    ('get operational mode', 'NONE'),
    ('clear operational mode',
     'No longer controlling the operational mode. Current operational mode: NONE'),
    ('get loaded program', 'No program loaded'),
    ('isProgramSaved', 'true <unnamed>'),
    ('addToLog hello', 'Added log message'),
    ('addToLog', 'No log message to add'),
    ('saveLog', 'Log saved to disk'),
    ('load installation default.installation',
     'Loading installation: /programs/default.installation'),
    ('load installation other.installation', 'File not found: other.installation'),
    ('generate flight report system', 'Flight Report generated with id: 00000001'),
    ('generate support file .', 'Completed successfully: ur_20195500001.zip'),
    ('get serial number', '20195500001'),
    ('get robot model', 'UR5'),
    ('version', '5.11.5.1234'),
    ('pause', 'Failed to execute: pause'),
    ('quit', 'Disconnected'),
    ('fly', "could not understand: 'fly'"),
    ('', "could not understand: ''"),
])
def test_answers_at_rest(dashboard, command, reply):
    assert dashboard.answer(command) == reply


def test_a_protective_stop_pauses_and_unlocks_after_five_seconds(controller, dashboard):
    assert controller.start_program('rtde_control')
    controller.protective_stop('a test')
    assert controller.safety_status_bits == 1 << 2 | 1 << 10
    assert dashboard.answer('programState') == 'PAUSED rtde_control'
    assert dashboard.answer('play') == 'Failed to execute: play'
    controller.tick += UNLOCK_DELAY_TICKS - 1
    assert dashboard.answer('unlock protective stop') == UNLOCK_TOO_EARLY
    controller.tick += 1
    assert dashboard.answer('unlock protective stop') == 'Protective stop releasing'
    assert controller.safety_mode == SafetyMode.NORMAL
    assert dashboard.answer('play') == 'Starting program'
    assert controller.runtime_state == RuntimeState.PLAYING


def test_local_mode_refuses_what_moves_and_answers_what_asks():
    controller = Controller(Arm(np.array(Contract().home_rad)), local_mode=True)
    dashboard = Dashboard(controller, VERSION)
    assert dashboard.answer('is in remote control') == 'false'
    assert dashboard.answer('robotmode') == 'Robotmode: RUNNING'
    for command in ('play', 'stop', 'power off', 'unlock protective stop'):
        assert dashboard.answer(command) == REFUSED_IN_LOCAL_MODE
    assert not controller.start_program('rtde_control')


def pass_ticks(controller, ticks):
    for _ in range(ticks):
        controller.tick += 1
        controller.step()


def modes_passed(controller, ticks):
    passed = [controller.robot_mode]
    for _ in range(ticks):
        pass_ticks(controller, 1)
        if controller.robot_mode != passed[-1]:
            passed.append(controller.robot_mode)
    return passed


def test_power_and_brakes_take_their_time_and_pass_the_modes_between(controller, dashboard):
    controller.start_program('rtde_control')
    assert dashboard.answer('power off') == 'Powering off'
    assert controller.runtime_state == RuntimeState.STOPPED
    pass_ticks(controller, 1000)
    assert dashboard.answer('robotmode') == 'Robotmode: POWER_OFF'
    assert not controller.start_program('rtde_control')
    assert dashboard.answer('power on') == 'Powering on'
    assert dashboard.answer('robotmode') == 'Robotmode: POWER_OFF'
    assert modes_passed(controller, 1000) == [
        RobotMode.POWER_OFF, RobotMode.BOOTING, RobotMode.POWER_ON, RobotMode.IDLE]
    assert dashboard.answer('brake release') == 'Brake releasing'
    assert modes_passed(controller, 1000) == [RobotMode.IDLE, RobotMode.RUNNING]
    assert controller.start_program('rtde_control')


def test_brake_release_switches_an_arm_on_that_is_off(controller, dashboard):
    dashboard.answer('power off')
    pass_ticks(controller, 1000)
    dashboard.answer('brake release')
    pass_ticks(controller, 2000)
    assert dashboard.answer('robotmode') == 'Robotmode: RUNNING'


def test_restart_safety_ends_a_fault_and_leaves_the_arm_off(controller, dashboard):
    controller.fail('a test')
    assert dashboard.answer('safetystatus') == 'Safetystatus: FAULT'
    assert dashboard.answer('restart safety') == 'Restarting safety'
    pass_ticks(controller, 1000)
    assert dashboard.answer('safetystatus') == 'Safetystatus: NORMAL'
    assert dashboard.answer('robotmode') == 'Robotmode: POWER_OFF'


@pytest.fixture
def programs(tmp_path):
    (tmp_path / 'reach.urp').touch()
    (tmp_path / 'reach.script').write_text('def reach():\n  sync()\nend\n')
    (tmp_path / 'broken.urp').touch()
    (tmp_path.parent / 'outside.urp').touch()
    return tmp_path


def test_a_program_is_loaded_and_played(controller, programs):
    played = []

    def play(name, script):
        played.append((name, script))
        return controller.start_program(name)

    dashboard = Dashboard(controller, VERSION, Pendant(programs_folder=programs), play)
    assert dashboard.answer('load reach.urp') == 'Loading program: /programs/reach.urp'
    assert dashboard.answer('get loaded program') == 'Loaded program: /programs/reach.urp'
    assert dashboard.answer('programState') == 'STOPPED reach.urp'
    assert dashboard.answer('play') == 'Starting program'
    assert played == [('reach.urp', 'def reach():\n  sync()\nend\n')]
    assert dashboard.answer('programState') == 'PLAYING reach.urp'
    assert dashboard.answer('pause') == 'Pausing program'
    assert dashboard.answer('programState') == 'PAUSED reach.urp'
    assert dashboard.answer('play') == 'Starting program'
    assert len(played) == 1
    assert dashboard.answer('stop') == 'Stopped'
    assert dashboard.answer('running') == 'Program running: false'


@pytest.mark.parametrize(('name', 'reply'), [
    ('/programs/reach.urp', 'Loading program: /programs/reach.urp'),
    ('reach.script', 'Error while loading program: reach.script'),
    ('broken.urp', 'Error while loading program: broken.urp'),
    ('absent.urp', 'File not found: absent.urp'),
    ('../outside.urp', 'File not found: ../outside.urp'),
    ('/etc/passwd', 'File not found: /etc/passwd'),
    ('x' * 300, 'File not found: ' + 'x' * 300),
    ('a\0b', 'File not found: a\0b'),
    ('', 'File not found: '),
])
def test_what_can_be_loaded(controller, programs, name, reply):
    dashboard = Dashboard(controller, VERSION, Pendant(programs_folder=programs))
    assert dashboard.answer(f'load {name}') == reply


def test_older_versions_do_not_know_later_commands(controller):
    dashboard = Dashboard(controller, (5, 4, 0, 1))
    assert dashboard.answer('is in remote control').startswith('could not understand')
    assert dashboard.answer('robotmode') == 'Robotmode: RUNNING'


def test_the_table_holds_every_command_once():
    names = [command.name for command in COMMANDS]
    assert len(names) == len(set(names)) == 34


@functools.cache
def any_dashboard():
    return Dashboard(Controller(Arm(np.array(Contract().home_rad))), VERSION)


@given(line=st.text(max_size=200))
def test_every_line_gets_one_line_back(line):
    reply = any_dashboard().answer(line.replace('\n', ' ').strip())
    assert reply
    assert '\n' not in reply
