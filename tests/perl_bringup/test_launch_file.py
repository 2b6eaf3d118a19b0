"""``launch/ur5e.launch.py`` says what the data says; ``launch`` itself need not be installed."""

import importlib.util
import sys
import types

from perl_bringup.arguments import ARGUMENTS
from perl_bringup.stack import resolve
from perl_core.errors import ConfigError
import pytest

ADDRESS = '127.0.4.20'
NAMES = {
    'launch': ('LaunchContext', 'LaunchDescription', 'LaunchDescriptionEntity'),
    'launch.actions': (
        'DeclareLaunchArgument', 'ExecuteProcess', 'OpaqueFunction', 'RegisterEventHandler',
    ),
    'launch.event_handlers': ('OnProcessIO',),
    'launch.events': (),
    'launch.events.process': ('ProcessExited', 'ProcessIO'),
    'launch_ros': (),
    'launch_ros.actions': ('Node',),
    'launch_ros.substitutions': ('ExecutableInPackage',),
}


class Recorded:
    """Remembers how it was made."""

    def __init__(self, *words, **named):
        self.words, self.named = words, named


class Context:
    def __init__(self, argv, is_shutdown=False):
        self.argv, self.is_shutdown = argv, is_shutdown
        self.launch_configurations = {spec.name: spec.default for spec in ARGUMENTS}
        self.launch_configurations.update(word.split(':=', 1) for word in argv)
        self.globals = {}

    def extend_globals(self, values):
        self.globals.update(values)


@pytest.fixture
def launch_file(monkeypatch, root):
    for module, names in NAMES.items():
        kinds = {name: type(name, (Recorded,), {}) for name in names}
        stand_in = types.ModuleType(module)
        vars(stand_in).update(kinds, __path__=[])
        monkeypatch.setitem(sys.modules, module, stand_in)
    monkeypatch.setenv('ROS_DOMAIN_ID', '153')
    spec = importlib.util.spec_from_file_location('ur5e_launch', root / 'launch/ur5e.launch.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def started(launch_file, *argv):
    """Return all process actions in order, and the context."""
    context = Context(list(argv))
    actions = launch_file.start(context)
    context.globals['perl_claim'].release()
    while type(actions[-1]).__name__ == 'RegisterEventHandler':
        waiting = actions.pop().words[0]
        line = types.SimpleNamespace(text=b'noise\nready 127.0.0.2\n')
        assert waiting.named['target_action'] is actions[-1]
        assert waiting.named['on_stdout'](types.SimpleNamespace(text=b'not rea')) == []
        actions += waiting.named['on_stdout'](line)
        assert waiting.named['on_stdout'](line) == []
    return actions


def test_every_argument_is_declared(launch_file):
    description = launch_file.generate_launch_description()
    declared = [d for d in description.words[0] if type(d).__name__ == 'DeclareLaunchArgument']
    assert [d.words[0] for d in declared] == [spec.name for spec in ARGUMENTS]
    for declaration, spec in zip(declared, ARGUMENTS, strict=True):
        assert declaration.named['default_value'] == spec.default
        assert declaration.named['description'] == spec.description
        assert tuple(declaration.named['choices'] or ()) == spec.choices


def test_the_same_processes_in_the_same_order_with_the_same_values(launch_file, bundle, tmp_path):
    given = {
        'use_mock_hardware': 'true', 'robot_ip': ADDRESS, 'bundle': str(bundle),
        'record': 'true', 'bag': str(tmp_path / 'bag'), 'log_level': 'warn',
    }
    actions = started(launch_file, *(f'{name}:={value}' for name, value in given.items()))
    specs = resolve(given)
    assert len(actions) == len(specs) == 5
    for action, spec in zip(actions, specs, strict=True):
        assert action.named['on_exit'] is launch_file.ended
        if spec.kind == 'program':
            program = action.named['cmd'][3]
            assert program.named == {'package': spec.package, 'executable': spec.executable}
            assert action.named['cmd'][4:] == list(spec.arguments)
            continue
        assert type(action).__name__ == 'Node'
        assert action.named['package'] == spec.package
        assert action.named['executable'] == spec.executable
        assert action.named['name'] == action.named['exec_name'] == spec.name
        assert action.named['parameters'] == [*spec.parameter_files, dict(spec.parameters)]
        assert action.named['ros_arguments'] == [
            '--log-level', 'warn', '--enclave', f'/perl/{spec.name}',
        ]


@pytest.mark.parametrize(('given', 'used'), [(None, 'LOCALHOST'), ('SUBNET', 'SUBNET')])
def test_discovery_stays_on_this_machine_unless_the_caller_says_so(
    launch_file, bundle, monkeypatch, given, used
):
    monkeypatch.delenv('ROS_AUTOMATIC_DISCOVERY_RANGE', raising=False)
    if given:
        monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', given)
    for action in started(launch_file, f'robot_ip:={ADDRESS}', f'bundle:={bundle}'):
        assert action.named['additional_env'] == {'ROS_AUTOMATIC_DISCOVERY_RANGE': used}


def test_nothing_waits_for_an_emulator_that_does_not_run(launch_file, bundle):
    actions = launch_file.start(Context([f'robot_ip:={ADDRESS}', f'bundle:={bundle}']))
    assert [type(action).__name__ for action in actions] == ['Node'] * 3


def test_refusals_come_before_anything_starts(launch_file, bundle):
    with pytest.raises(ConfigError, match="unknown argument 'robotip'"):
        launch_file.start(Context(['robotip:=127.0.0.2']))
    with pytest.raises(ConfigError, match='robot_ip is needed'):
        launch_file.start(Context([]))


def test_a_second_launch_on_the_same_address_is_refused(launch_file, bundle):
    argv = [f'robot_ip:={ADDRESS}', f'bundle:={bundle}']
    first = Context(argv)
    launch_file.start(first)
    with pytest.raises(ConfigError, match='already running'):
        launch_file.start(Context(argv))
    first.globals['perl_claim'].release()


def test_a_death_ends_the_launch_with_an_error_unless_it_is_ending(launch_file):
    event = types.SimpleNamespace(process_name='perl_controller-4', returncode=-9)
    with pytest.raises(ConfigError, match='perl_controller-4 ended with exit code -9'):
        launch_file.ended(event, Context([]))
    launch_file.ended(event, Context([], is_shutdown=True))
