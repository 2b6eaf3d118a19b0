"""Faults of streams, replies and connections, as the real ur_rtde clients see them."""

import contextlib
import itertools
import time

from dashboard_client import DashboardClient
from emulator import emulator, wait_until
from perl_core.errors import ConfigError
from perl_sim.ur_controller.control_server import ask
import pytest
from rtde_control import RTDEControlInterface
from rtde_io import RTDEIOInterface
from rtde_receive import RTDEReceiveInterface

ADDRESS = '127.0.1.60'
START_TIME_S = 42.0


@contextlib.contextmanager
def fault(name, **arguments):
    """Let a fault be on while the block lasts."""
    ask(ADDRESS, {'do': 'begin', 'fault': name, **arguments})
    try:
        yield
    finally:
        ask(ADDRESS, {'do': 'clear'})


@pytest.fixture(scope='module', autouse=True)
def robot():
    with emulator(ADDRESS, '--log-level', 'ERROR') as process:
        yield process


@pytest.fixture(scope='module')
def receive(robot):
    client = RTDEReceiveInterface(ADDRESS, 500.0, ['timestamp', 'actual_q'])
    yield client
    client.disconnect()


@pytest.fixture(scope='module')
def dashboard(robot):
    client = DashboardClient(ADDRESS)
    client.connect()
    yield client
    client.disconnect()


def distinct_timestamps(receive, lasting_s=0.5):
    """Return the timestamps that a client sees while it looks at a much higher rate."""
    seen, end = set(), time.monotonic() + lasting_s
    while time.monotonic() < end:
        seen.add(receive.getTimestamp())
        time.sleep(0.0002)
    return sorted(seen)


def lag_s(receive):
    """Return how old the newest package is, in controller time."""
    return ask(ADDRESS, {'do': 'status'})['time_s'] + START_TIME_S - receive.getTimestamp()


def moves(receive):
    before_s = receive.getTimestamp()
    return wait_until(lambda: receive.getTimestamp() > before_s + 0.02, 3.0)


def test_a_frozen_stream_stands_still_and_goes_on_with_the_present(receive):
    with fault('freeze_stream', for_s=0.4):
        assert wait_until(lambda: lag_s(receive) > 0.2, 2.0)
        assert moves(receive)
        assert wait_until(lambda: lag_s(receive) < 0.05)
        assert ask(ADDRESS, {'do': 'status'})['faults'] == []


def test_late_packages_are_late(receive):
    with fault('delay_packages', delay_s=0.3):
        time.sleep(0.4)
        assert moves(receive)
        assert lag_s(receive) > 0.28
    assert wait_until(lambda: lag_s(receive) < 0.1)


def test_jitter_bunches_packages_and_keeps_their_order(receive):
    with fault('delay_packages', delay_s=0.0, jitter_s=0.2):
        time.sleep(0.3)
        seen = distinct_timestamps(receive)
    gaps_s = [later - earlier for earlier, later in itertools.pairwise(seen)]
    # In order, but in bursts: of a burst a client keeps the newest only.
    assert max(gaps_s) > 0.03
    assert wait_until(lambda: lag_s(receive) < 0.1)


def test_lost_packages_never_come(receive):
    with fault('drop_packages', share=0.9):
        time.sleep(0.05)
        seen = distinct_timestamps(receive)
        expected = 250
        assert 5 < len(seen) < 0.3 * expected
        assert lag_s(receive) < 0.3


def test_slow_replies(dashboard):
    with fault('slow_replies', delay_s=0.5, service='dashboard'):
        before_s = time.monotonic()
        assert dashboard.robotmode() == 'Robotmode: RUNNING'
        assert time.monotonic() - before_s > 0.4
    before_s = time.monotonic()
    dashboard.robotmode()
    assert time.monotonic() - before_s < 0.4


def test_a_dashboard_that_does_not_answer(receive):
    client = DashboardClient(ADDRESS)
    client.connect()
    with fault('no_replies', service='dashboard'), \
            pytest.raises(RuntimeError, match='Operation canceled'):
        client.robotmode()
    assert moves(receive)


def test_a_cut_connection_is_noticed_and_can_be_made_again(receive):
    client = RTDEReceiveInterface(ADDRESS, 500.0, ['timestamp'])
    with fault('cut_connections', service='RTDE', for_s=0.2):
        assert wait_until(lambda: not client.isConnected(), 3.0)
        assert wait_until(lambda: not ask(ADDRESS, {'do': 'status'})['faults'], 3.0)
    assert client.reconnect()
    assert moves(client)
    client.disconnect()
    assert receive.reconnect()
    assert moves(receive)


def test_a_half_open_connection_is_silent_while_a_new_one_works(receive):
    old = RTDEReceiveInterface(ADDRESS, 500.0, ['timestamp'])
    with fault('half_open', service='RTDE'):
        time.sleep(0.05)
        frozen_s = old.getTimestamp()
        new = RTDEReceiveInterface(ADDRESS, 500.0, ['timestamp'])
        assert moves(new)
        assert old.getTimestamp() == frozen_s
        assert old.isConnected()
    # The end of the fault is a reset, as from a host that came up again.
    assert wait_until(lambda: not old.isConnected(), 3.0)
    assert moves(new)
    new.disconnect()
    assert receive.reconnect()


def test_a_refused_start_leaves_the_receive_client_without_a_stream():
    with fault('refuse_start'):
        client = RTDEReceiveInterface(ADDRESS, 500.0, ['timestamp'])
        assert not client.isConnected()


def test_inputs_of_somebody_else_are_in_use():
    with fault('inputs_in_use', inputs='input_int_register_0, standard_digital_output'):
        with pytest.raises(RuntimeError, match='in use'):
            RTDEControlInterface(ADDRESS)
        with pytest.raises(RuntimeError, match='in use'):
            RTDEIOInterface(ADDRESS)


def test_what_does_not_fit_is_refused_at_the_control_socket():
    with pytest.raises(ConfigError, match='a fault is one of'):
        ask(ADDRESS, {'do': 'begin', 'fault': 'melt'})
    requests = r"do is one of \['begin', 'clear', 'replay', 'status', 'step'\]"
    with pytest.raises(ConfigError, match=requests):
        ask(ADDRESS, {'do': 'dance'})
    with pytest.raises(ConfigError, match='start with --clock client'):
        ask(ADDRESS, {'do': 'step', 'ticks': 3})
    with pytest.raises(ConnectionError, match=r'no emulated controller answers at 127\.0\.1\.250'):
        ask('127.0.1.250', {'do': 'status'})
