"""The runner with tiny stand-in processes: order, readiness, death, signals, orphans."""

import os
from pathlib import Path
import signal

from perl_bringup.claim import Claim
from perl_bringup.runner import Ending, Runner, command_of, environment_of_stack
from perl_bringup.stack import ProcessSpec
from perl_core.errors import ConfigError
import pytest

STAND_IN = Path(__file__).with_name('stand_in.py')
RUN = """
import os, sys
from perl_bringup import runner
from perl_bringup.stack import ProcessSpec
specs = [
    ProcessSpec(name=name, package='p', executable='e', module='stand_in', kind='program',
                arguments=(name, sys.argv[1], *orders.split()), ready='ready ')
    for name, orders in (word.split(':') for word in sys.argv[2:])
]
ending = runner.run_stack(specs)
print(ending.sentence)
sys.exit(ending.exit_code)
"""


def specs_of(log, *words):
    return [
        ProcessSpec(
            name=name,
            package='p',
            executable='e',
            module='stand_in',
            kind='program',
            arguments=(name, str(log), *orders),
            ready='ready ',
        )
        for name, *orders in (word.split() for word in words)
    ]


@pytest.fixture
def environment():
    return {**os.environ, 'PYTHONPATH': str(STAND_IN.parent)}


@pytest.fixture
def log(tmp_path):
    path = tmp_path / 'log'
    path.touch()
    return path


def notes(log, what):
    return [line.split()[1] for line in log.read_text().splitlines() if line.split()[0] == what]


def alive(pid):
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except (FileNotFoundError, ProcessLookupError):
        return False


def pids(log):
    lines = log.read_text().splitlines()
    return [int(line.split()[1]) for line in lines if line.startswith(('pid', 'grandchild'))]


def test_starts_in_order_once_ready_and_stops_in_reverse(log, environment):
    with Runner(specs_of(log, 'a slow', 'b', 'c'), environment) as runner:
        assert runner.start() is None
        assert notes(log, 'started') == ['a', 'b', 'c']
        assert runner.poll(0.2) is None
        started = list(runner.pids.values())
    assert notes(log, 'stopped') == ['c', 'b', 'a']
    assert not any(map(alive, started))


def test_a_death_ends_all_and_is_told_in_one_sentence(log, environment):
    with Runner(specs_of(log, 'a', 'b fail', 'c'), environment) as runner:
        ending = runner.start() or runner.wait()
    assert ending == Ending('b ended with exit code 7: the flux is reversed', 1)
    assert 'a' in notes(log, 'stopped')


def test_a_killed_process_is_named_with_its_signal(log, environment):
    with Runner(specs_of(log, 'a', 'b'), environment) as runner:
        runner.start()
        os.kill(runner.pids['a'], signal.SIGKILL)
        assert runner.wait() == Ending('a was ended by SIGKILL', 1)
    assert notes(log, 'stopped') == ['b']


def test_what_dies_before_it_is_ready_keeps_the_next_from_starting(log, environment):
    specs = [*specs_of(log, 'a fail'), *specs_of(log, 'b')]
    specs[0] = ProcessSpec(**{**vars(specs[0]), 'ready': 'never said'})
    with Runner(specs, environment) as runner:
        ending = runner.start()
    assert ending is not None
    assert ending.sentence.startswith('a ended with exit code 7')
    assert notes(log, 'started') == ['a']


def test_a_process_that_ignores_sigterm_is_killed_with_its_group(log, environment, monkeypatch):
    monkeypatch.setattr('perl_bringup.runner.STOP_TIMEOUT_S', 0.3)
    with Runner(specs_of(log, 'a stubborn grandchild'), environment) as runner:
        runner.start()
    assert len(pids(log)) == 2
    assert not any(map(alive, pids(log)))


def test_what_a_dead_process_leaves_behind_is_ended(log, environment):
    with Runner(specs_of(log, 'a grandchild'), environment) as runner:
        runner.start()
        os.kill(runner.pids['a'], signal.SIGKILL)
        runner.wait()
    assert not any(map(alive, pids(log)))


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_all_in_order(number, log, spawn, wait_until):
    process = spawn('-c', RUN, str(log), 'a:', 'b:', PYTHONPATH=str(STAND_IN.parent))
    assert wait_until(lambda: notes(log, 'started') == ['a', 'b'])
    process.send_signal(number)
    output, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    assert f'stopped by {number.name}' in output
    assert notes(log, 'stopped') == ['b', 'a']
    assert '[a] ready now' in output


def test_nothing_survives_a_killed_runner(log, spawn, wait_until):
    process = spawn('-c', RUN, str(log), 'a:', 'b:', PYTHONPATH=str(STAND_IN.parent))
    assert wait_until(lambda: notes(log, 'started') == ['a', 'b'])
    process.kill()
    assert wait_until(lambda: not any(map(alive, pids(log))))
    assert sorted(notes(log, 'stopped')) == ['a', 'b']


def test_a_node_gets_its_name_its_files_and_quoted_values():
    spec = ProcessSpec(
        name='n',
        package='p',
        executable='e',
        module='m.n',
        kind='lifecycle',
        parameters={'bag': '123', 'autostart': True, 'node_names': ('a', 'b')},
        parameter_files=('one.yaml', 'two.yaml'),
        log_level='debug',
    )
    assert command_of(spec)[1:] == [
        '-m', 'm.n', '--ros-args', '-r', '__node:=n', '--log-level', 'debug',
        '--enclave', '/perl/n',
        '--params-file', 'one.yaml', '--params-file', 'two.yaml',
        '-p', 'bag:="123"', '-p', 'autostart:=true', '-p', 'node_names:=["a", "b"]',
    ]


def test_the_callers_environment_wins():
    given = {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'SUBNET', 'HOME': '/h'}
    environment = environment_of_stack(given)
    assert environment.items() >= given.items()
    assert environment_of_stack({})['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'LOCALHOST'


def test_a_claim_that_ends_takes_away_what_killed_processes_left():
    claim = Claim('127.0.4.92', {'ROS_DOMAIN_ID': '160'})
    ours, others = (Path(f'/dev/shm/perl-127.0.4.{last}-mailbox') for last in (92, 921))
    try:
        ours.touch()
        others.touch()
        claim.release()
        assert not ours.exists()
        assert others.exists()
    finally:
        others.unlink()


def test_one_stack_an_address_and_one_a_domain():
    first = Claim('127.0.4.90', {'ROS_DOMAIN_ID': '158'})
    with pytest.raises(ConfigError, match=r'127\.0\.4\.90 is already running'):
        Claim('127.0.4.90', {'ROS_DOMAIN_ID': '159'})
    with pytest.raises(ConfigError, match='ROS domain 158'):
        Claim('127.0.4.91', {'ROS_DOMAIN_ID': '158'})
    Claim('127.0.4.91', {'ROS_DOMAIN_ID': '159'}).release()
    first.release()
    Claim('127.0.4.90', {'ROS_DOMAIN_ID': '158'}).release()


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['robotip:=1'], "unknown argument 'robotip'. Known: robot_ip"),
        ([], 'robot_ip is needed'),
        (['robot_ip'], 'name:=value'),
    ],
)
def test_the_command_refuses_in_one_line(words, message, spawn):
    process = spawn('-m', 'perl_bringup', *words)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert message in errors
    assert len(errors.strip().splitlines()) == 1


def test_the_command_shows_its_arguments(spawn):
    process = spawn('-m', 'perl_bringup', '--show-args')
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert 'kinematics_params_file' in output
