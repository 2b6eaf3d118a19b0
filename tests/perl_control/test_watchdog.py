"""When the controller's watchdog is armed: with the first target, and not while getting ready."""

import time

import numpy as np
from perl_control.robots.ur import WATCHDOG_HZ, UrRobot
from perl_core.contract import Contract
from perl_core.robot_state import RUNTIME_PLAYING
import pytest

pytestmark = pytest.mark.alone


def test_the_watchdog_waits_for_guard_and_then_for_no_one(start_emulator):
    start_emulator('127.0.2.60')
    robot = UrRobot('127.0.2.60', Contract())
    robot.connect()

    def runtime_state():
        return robot.read_state(time.monotonic_ns()).runtime_state

    time.sleep(3.0 / WATCHDOG_HZ)
    assert runtime_state() == RUNTIME_PLAYING, 'getting ready may take its time'
    robot.guard()
    assert robot.send(np.array(Contract().home_rad))
    end_s = time.monotonic() + 5.0
    while runtime_state() == RUNTIME_PLAYING:
        assert time.monotonic() < end_s, 'no target came after the first'
        time.sleep(0.01)
    assert not robot.send(np.array(Contract().home_rad))
