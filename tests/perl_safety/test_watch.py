import threading
import time

import numpy as np
from perl_core.contract import Contract
from perl_core.errors import RobotError
from perl_core.kinematics import Kinematics
from perl_core.robot_state import RobotState
from perl_safety.heartbeat import HeartbeatReader, HeartbeatWriter
from perl_safety.limits import load_limits
from perl_safety.monitor import Monitor
from perl_safety.severity import Severity
from perl_safety.watch import LoopWatch, Watch
import pytest

HOME = np.array(Contract().home_rad)
FAST = np.array((0.0, 0, 0, 0, 0, 2.9))


class ScriptedLink:
    """A robot that does what the test says."""

    def __init__(self):
        self.velocity = np.zeros(6)
        self.frozen_since_ns = None
        self.stops_obeyed = True
        self.stops = 0
        self.reconnects = 0
        self.remote, self.asked = True, 0
        self.answers = threading.Event()
        self.answers.set()

    def read(self):
        fresh_ns = self.frozen_since_ns or time.monotonic_ns()
        return RobotState(1.0, fresh_ns, HOME, self.velocity, 7, 1, 1, 2, 1.0)

    def send_stop(self):
        self.stops += 1
        self.answers.wait(5.0)
        if self.stops_obeyed:
            self.velocity = np.zeros(6)
            return 'Stopped'
        raise RobotError('no answer')

    def in_remote_control(self):
        self.asked += 1
        if self.remote is None:
            raise RobotError('silent')
        return self.remote

    def reconnect(self):
        self.reconnects += 1
        raise RobotError('not there')


@pytest.fixture
def link():
    return ScriptedLink()


@pytest.fixture
def reader(tmp_path):
    return HeartbeatReader(tmp_path / 'beat')


@pytest.fixture
def watch(link, tmp_path):
    heartbeat = HeartbeatWriter(tmp_path / 'beat')
    made = Watch(link, Monitor(load_limits().monitor, Kinematics()), heartbeat, 200.0)
    made.start()
    yield made
    link.answers.set()
    made.end()
    heartbeat.close()


def wait_until(condition, timeout_s=10.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, 'timed out'
        time.sleep(0.005)


def test_a_quiet_robot_gets_beats_and_no_stop(watch, link, reader):
    wait_until(lambda: not reader.read().stop)
    first = reader.read().time_ns
    wait_until(lambda: reader.read().time_ns > first)
    assert watch.status().severity is Severity.PASS and link.stops == 0


def test_a_robot_too_fast_is_stopped_and_the_loop_is_told(watch, link, reader):
    link.velocity = FAST
    wait_until(lambda: not link.velocity.any())
    wait_until(lambda: reader.read().stop)
    assert 'joint_speed:wrist_3_joint' in reader.read().reason
    wait_until(lambda: watch.status().stop_answer == 'Stopped')
    assert 'stop_unconfirmed' not in watch.status().reasons
    wait_until(lambda: watch.reset() == ())
    wait_until(lambda: not reader.read().stop)


def test_an_arm_that_does_not_stop_is_asked_again_and_reported(watch, link):
    link.stops_obeyed, link.velocity = False, FAST
    wait_until(lambda: 'stop_unconfirmed' in watch.status().reasons)
    assert link.stops >= 2
    assert watch.status().stop_answer == 'no answer'
    link.stops_obeyed = True
    wait_until(lambda: not link.velocity.any())
    wait_until(lambda: watch.reset() == ())


def test_a_dashboard_that_hangs_does_not_keep_the_watch_from_beating(watch, link, reader):
    link.answers.clear()
    link.velocity = FAST
    wait_until(lambda: reader.read().stop and link.stops == 1)
    first = reader.read().time_ns
    wait_until(lambda: reader.read().time_ns > first)


def test_an_arm_that_moves_again_before_the_reset_is_stopped_again(watch, link):
    link.velocity = FAST
    wait_until(lambda: not link.velocity.any())
    time.sleep(0.05)
    link.velocity = 0.1 * FAST
    wait_until(lambda: not link.velocity.any())
    assert watch.status().stops == 1


def test_a_frozen_stream_stops_and_is_reconnected(watch, link):
    link.frozen_since_ns = time.monotonic_ns()
    wait_until(lambda: 'stale_state' in watch.status().reasons and link.stops >= 1)
    wait_until(lambda: link.reconnects >= 1)
    assert watch.reset(), 'the cause is still there'
    link.frozen_since_ns = None
    wait_until(lambda: watch.reset() == ())


def test_an_operator_who_takes_over_by_hand_stops_the_arm_until_he_gives_it_back(watch, link):
    link.velocity = 0.1 * FAST
    link.remote = False
    wait_until(lambda: 'local_mode' in watch.status().reasons and link.stops == 1)
    assert watch.reset() == ('local_mode',)
    link.remote = True
    wait_until(lambda: watch.reset() == ())


def test_a_silent_dashboard_is_told_and_stops_nothing(watch, link, reader):
    link.remote = None
    wait_until(lambda: watch.status().silence == 'silent')
    assert not reader.read().stop and link.stops == 0
    link.remote = True
    wait_until(lambda: not watch.status().silence)


@pytest.fixture
def loop(tmp_path):
    writer = HeartbeatWriter(tmp_path / 'loop')
    yield writer
    writer.close()


def found(watched, age_s):
    return [each.reason for each in watched.violations(time.monotonic_ns() + int(age_s * 1e9))]


def test_a_loop_that_moved_the_arm_and_fell_silent_is_a_reason_until_it_rests(loop, tmp_path):
    watched = LoopWatch(HeartbeatReader(tmp_path / 'loop'), 0.2)
    loop.beat(False, 'MOVING')
    assert found(watched, 0.1) == []
    assert found(watched, 0.3) == ['loop_heartbeat']
    assert found(watched, 0.3) == ['loop_heartbeat'], 'it stays'
    loop.beat(True, 'ARMED')
    assert found(watched, 10.0) == [], 'an arm at rest may be left alone'


def test_what_a_dead_loop_left_behind_and_no_loop_at_all_are_no_reasons(loop, tmp_path):
    loop.beat(False, 'MOVING')
    assert found(LoopWatch(HeartbeatReader(tmp_path / 'loop'), 0.2), 5.0) == []
    assert found(LoopWatch(HeartbeatReader(tmp_path / 'none'), 0.2), 0.0) == []


def test_the_end_of_the_watch_is_a_stop_for_the_loop(watch, reader):
    wait_until(lambda: not reader.read().stop)
    watch.end()
    assert not watch.alive
    assert reader.read()[1:] == (True, 'monitor_not_watching')
