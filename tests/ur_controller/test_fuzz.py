"""Bad input at every port: the emulator lives on, leaks nothing and disturbs nobody else."""

import contextlib
from random import Random
import socket
import struct
import time

from emulator import emulator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from perl_sim.ur_controller import attacks
from perl_sim.ur_controller.control_server import ask, socket_name
from perl_sim.ur_controller.fuzz import PORTS, Attacker, fuzz, resources
from perl_sim.ur_controller.rtde_client import RtdeClient
import pytest

ADDRESS = '127.0.1.90'
OVER_THE_WIRE = settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope='module')
def robot():
    with emulator(ADDRESS, '--log-level', 'ERROR') as process:
        yield process


@pytest.fixture(scope='module')
def quiet(robot):
    """What the process holds while nobody is connected."""
    return resources(robot.pid)


def answers():
    """Return whether RTDE, dashboard and control socket still answer."""
    client = RtdeClient(ADDRESS)
    client.stream(['timestamp'])
    next(client.packages())
    client.close()
    with socket.create_connection((ADDRESS, 29999), 5.0) as dashboard:
        assert dashboard.recv(200).startswith(b'Connected: ')
    return ask(ADDRESS, {'do': 'status'})['robot_mode'] != ''


def settled(robot, before, limit_s=10.0):
    end = time.monotonic() + limit_s
    while resources(robot.pid) != before and time.monotonic() < end:
        time.sleep(0.05)
    return resources(robot.pid)


def test_the_fuzzer_finds_nothing(robot, quiet):
    report = fuzz(ADDRESS, robot.pid, 2.5, seed=7)
    assert report.held, report
    assert report.after == quiet
    assert sum(report.attacks.values()) > 20
    assert answers()


@OVER_THE_WIRE
@given(port=st.sampled_from(sorted(PORTS)), data=st.binary(max_size=300))
def test_any_bytes_are_survived_at_any_port(robot, port, data):
    with socket.create_connection((ADDRESS, port), 5.0) as client, \
            contextlib.suppress(OSError):
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        client.recv(4096)
    assert robot.poll() is None


@OVER_THE_WIRE
@given(words=st.lists(st.tuples(
    st.sampled_from('VvMUOISP'), st.binary(max_size=60), st.integers(-3, 3)), max_size=6))
def test_packages_of_any_content_and_wrong_sizes_are_survived(robot, words):
    data = b''.join(
        struct.pack('>HB', max(0, 3 + len(payload) + error), ord(kind)) + payload
        for kind, payload, error in words)
    with socket.create_connection((ADDRESS, 30004), 5.0) as client, \
            contextlib.suppress(OSError):
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        client.recv(4096)
    assert robot.poll() is None


def test_after_all_that_it_still_answers(robot):
    assert answers()


def test_thousands_of_connections_leave_nothing_behind(robot, quiet):
    for port in sorted(PORTS):
        for _ in range(250):
            with contextlib.suppress(OSError), socket.socket() as client:
                client.settimeout(5.0)
                client.connect((ADDRESS, port))
    assert settled(robot, quiet) == quiet
    assert answers()


def test_clients_that_never_read_are_dropped_and_leave_nothing_behind(robot, quiet):
    attacker = Attacker(ADDRESS, Random(1))
    for _ in range(10):
        with contextlib.suppress(OSError):
            attacker.never_read()
    # The clients stay: it is the emulator that lets them go.
    assert settled(robot, quiet) == quiet
    attacker.leave()
    assert answers()


def test_more_clients_than_a_service_takes_are_turned_away_and_the_others_served(robot):
    first = RtdeClient(ADDRESS)
    first.stream(['timestamp'])
    crowd = [socket.create_connection((ADDRESS, 30004), 5.0) for _ in range(200)]
    packages = first.packages()
    times_s = [next(packages)[0] for _ in range(200)]
    assert times_s == pytest.approx([times_s[0] + 0.002 * i for i in range(200)])
    for client in crowd:
        client.close()
    first.close()


@pytest.mark.parametrize('language', sorted(attacks.WORDS))
def test_attacks_are_the_same_for_the_same_seed(language):
    once, again = ([attacks.attack(Random(seed), language) for seed in range(30)]
                   for _ in range(2))
    assert once == again
    assert len(set(once)) > 20


def test_the_control_socket_survives_anything(robot):
    random = Random(3)
    for _ in range(60):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client, \
                contextlib.suppress(OSError):
            client.connect(socket_name(ADDRESS))
            client.sendall(attacks.attack(random, attacks.CONTROL))
    ask(ADDRESS, {'do': 'clear'})
    assert answers()
