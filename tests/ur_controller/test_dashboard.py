"""The dashboard's answers and the transitions behind them."""

import numpy as np
from perl_core.contract import Contract
from perl_sim.ur_controller.arm import Arm
from perl_sim.ur_controller.controller import (
    UNLOCK_DELAY_TICKS,
    Controller,
    RuntimeState,
    SafetyMode,
)
from perl_sim.ur_controller.dashboard_server import UNLOCK_TOO_EARLY, Dashboard
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
    ('programState', 'STOPPED'),
    ('running', 'Program running: false'),
    ('play', 'Failed to execute: play'),
    ('stop', 'Stopped'),
    ('load reach.urp', 'File not found: reach.urp'),
    ('popup hello world', 'showing popup'),
    ('set operational mode manual', 'Operational mode MANUAL is set'),
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
        assert dashboard.answer(command) == 'Not in remote control'
    assert not controller.start_program('rtde_control')


def test_power_off_ends_the_program_until_the_brakes_are_released(controller, dashboard):
    controller.start_program('rtde_control')
    assert dashboard.answer('power off') == 'Powering off'
    assert controller.runtime_state == RuntimeState.STOPPED
    assert not controller.start_program('rtde_control')
    assert dashboard.answer('power on') == 'Powering on'
    assert dashboard.answer('brake release') == 'Brake releasing'
    assert controller.start_program('rtde_control')
