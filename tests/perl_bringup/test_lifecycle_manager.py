"""The lifecycle manager against small lifecycle nodes, through the runner."""

import os
from pathlib import Path
import signal

from perl_bringup.runner import Runner
from perl_bringup.stack import ProcessSpec
import pytest

HERE = Path(__file__).parent
DOMAIN = str(150 + int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0')[2:]) % 3)


@pytest.fixture
def log(tmp_path):
    path = tmp_path / 'log'
    path.touch()
    return path


@pytest.fixture
def environment():
    return {**os.environ, 'PYTHONPATH': str(HERE), 'ROS_DOMAIN_ID': DOMAIN}


def led(log, name, *orders):
    return ProcessSpec(
        name=name,
        package='p',
        executable='e',
        module='led_node',
        kind='lifecycle',
        arguments=(name, str(log), *orders),
    )


def manager(names=('first', 'second'), **parameters):
    return ProcessSpec(
        name='perl_lifecycle_manager',
        package='perl_bringup',
        executable='lifecycle_manager_node',
        module='perl_bringup.lifecycle_manager_node',
        kind='node',
        parameters={'node_names': names, **parameters},
    )


def test_configures_all_then_activates_all_and_leads_down_in_reverse(
    log, environment, wait_until
):
    specs = [led(log, 'first'), led(log, 'second'), manager()]
    with Runner(specs, environment) as runner:
        assert runner.start() is None
        assert wait_until(lambda: len(log.read_text().splitlines()) == 4)
        assert runner.poll(0.3) is None
    assert log.read_text().splitlines() == [
        'configure first', 'configure second', 'activate first', 'activate second',
        'deactivate second', 'deactivate first',
    ]


@pytest.mark.parametrize('verb', ['configure', 'activate'])
def test_a_refusal_is_told_with_the_nodes_own_reason(verb, log, environment):
    specs = [led(log, 'first'), led(log, 'second', f'refuse_{verb}'), manager()]
    with Runner(specs, environment) as runner:
        ending = runner.start() or runner.wait()
    assert ending.exit_code == 1
    assert f'second refused to {verb}: the {verb} valve is stuck' in ending.sentence
    if verb == 'activate':
        assert log.read_text().splitlines()[-1] == 'deactivate first'


def test_a_node_that_falls_back_by_an_error_ends_the_stack(log, environment):
    specs = [led(log, 'first'), led(log, 'second', 'fall'), manager()]
    with Runner(specs, environment) as runner:
        ending = runner.start() or runner.wait()
    assert 'second fell back to unconfigured: lost the arm' in ending.sentence


def test_a_node_that_never_appears_is_named(log, environment):
    specs = [led(log, 'first'), manager(appear_timeout_s=1.0)]
    with Runner(specs, environment) as runner:
        ending = runner.start() or runner.wait()
    assert 'expected a lifecycle node second within 1.0 s' in ending.sentence


@pytest.mark.parametrize(
    ('parameters', 'message'),
    [({'stop_timeout_s': 0.0}, 'stop_timeout_s must be above 0'), ({}, 'node_names must list')],
)
def test_wrong_parameters_are_refused(parameters, message, environment):
    names = ('first',) if parameters else ()
    with Runner([manager(names, **parameters)], environment) as runner:
        ending = runner.start() or runner.wait()
    assert message in ending.sentence


def test_without_autostart_nothing_is_touched_and_sigterm_ends_it(log, environment):
    specs = [led(log, 'first'), manager(('first',), autostart=False)]
    with Runner(specs, environment) as runner:
        runner.start()
        assert runner.poll(2.0) is None
        os.kill(runner.pids['perl_lifecycle_manager'], signal.SIGTERM)
        assert 'exit code 0' in runner.wait().sentence
    assert log.read_text() == ''
