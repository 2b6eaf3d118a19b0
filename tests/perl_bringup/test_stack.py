"""The stack as data: what an argument does, and which ones are refused."""

from pathlib import Path

from perl_bringup import paths
from perl_bringup.arguments import ARGUMENTS, complete, describe, parse_arguments
from perl_bringup.stack import LIFECYCLE_NODES, STACK, Argument, resolve, robot_ip_of
from perl_core.errors import ConfigError
import pytest
import yaml


def by_name(specs):
    return {spec.name: spec for spec in specs}


def test_emulated_stack_starts_the_emulator_first_and_the_manager_last(bundle):
    specs = resolve({'use_mock_hardware': 'true', 'bundle': str(bundle)})
    assert [spec.name for spec in specs] == [
        'ur_controller', 'perl_safety_monitor', 'perl_controller', 'perl_lifecycle_manager',
    ]
    assert specs[0].arguments == ('--address', '127.0.0.2')
    assert robot_ip_of(specs) == '127.0.0.2'


def test_real_stack_has_no_emulator(bundle):
    specs = resolve({'robot_ip': '192.168.0.10', 'bundle': str(bundle)})
    assert 'ur_controller' not in by_name(specs)
    assert robot_ip_of(specs) == '192.168.0.10'


def test_a_real_arm_needs_an_address(bundle):
    with pytest.raises(ConfigError, match=r'robot_ip:=.*use_mock_hardware:=true'):
        resolve({'bundle': str(bundle)})


def test_the_emulator_never_listens_beyond_loopback(bundle):
    with pytest.raises(ConfigError, match='loopback'):
        resolve({'robot_ip': '192.168.0.10', 'use_mock_hardware': 'true', 'bundle': str(bundle)})


@pytest.mark.parametrize('robot_ip', ['ur5e.local', '192.168.0', '1.2.3.4; reboot', '127.0.0.2 '])
def test_an_address_is_an_address(robot_ip, bundle):
    with pytest.raises(ConfigError, match='IPv4 address'):
        resolve({'robot_ip': robot_ip, 'bundle': str(bundle)})


def test_the_older_name_of_mock_hardware_works_and_wins_over_the_default(bundle):
    specs = resolve({'use_fake_hardware': 'true', 'bundle': str(bundle)})
    assert specs[0].name == 'ur_controller'


def test_an_unknown_argument_is_refused_with_the_known_ones():
    for refuse in (resolve, lambda given: parse_arguments(f'{k}:={v}' for k, v in given.items())):
        with pytest.raises(ConfigError, match=r"unknown argument 'robotip'\. Known: robot_ip, "):
            refuse({'robotip': '127.0.0.2'})


@pytest.mark.parametrize('word', ['robot_ip=127.0.0.2', 'robot_ip', ':=3', '--robot_ip'])
def test_words_of_another_form_are_refused(word):
    with pytest.raises(ConfigError, match='name:=value'):
        parse_arguments([word])


def test_a_value_may_hold_the_separator_and_a_name_comes_once():
    assert parse_arguments(['bag:=a:=b']) == {'bag': 'a:=b'}
    with pytest.raises(ConfigError, match='twice'):
        parse_arguments(['bag:=a', 'bag:=b'])


@pytest.mark.parametrize(
    ('name', 'value'),
    [('ur_type', 'ur10'), ('use_mock_hardware', 'yes'), ('autostart', '1'), ('log_level', 'x')],
)
def test_a_value_outside_its_choices_is_refused_by_name(name, value):
    with pytest.raises(ConfigError, match=rf'{name} is one of .*got {value!r}'):
        complete({name: value})


@pytest.mark.parametrize(
    'name', ['bundle', 'limits_file', 'kinematics_params_file', 'params_file']
)
def test_a_file_that_is_not_there_is_refused_by_name(name, bundle):
    given = {'use_mock_hardware': 'true', 'bundle': str(bundle), name: '/nowhere/at/all'}
    with pytest.raises(ConfigError, match=rf'{name} names nothing.*/nowhere/at/all'):
        resolve(given)


def test_recording_is_asked_for(bundle, tmp_path):
    emulated = {'use_mock_hardware': 'true', 'bundle': str(bundle)}
    bag = str(tmp_path / 'bag')
    assert 'perl_recorder' not in by_name(resolve(emulated))
    specs = by_name(resolve({**emulated, 'record': 'true', 'bag': bag}))
    assert specs['perl_recorder'].parameters == {
        'bag': bag, 'split_s': 0.0, 'split_mb': 0.0, 'robot_ip': '127.0.0.2',
        'bundle': str(bundle),
    }
    with pytest.raises(ConfigError, match='record:=true'):
        resolve({**emulated, 'bag': bag})
    with pytest.raises(ConfigError, match='not there yet'):
        resolve({**emulated, 'record': 'true', 'bag': str(tmp_path)})


@pytest.mark.parametrize('value', ['-1', 'nan', 'inf', 'ten'])
def test_a_bag_is_split_by_amounts(value, bundle, tmp_path):
    given = {'use_mock_hardware': 'true', 'bundle': str(bundle), 'record': 'true',
             'bag': str(tmp_path / 'bag')}
    specs = by_name(resolve({**given, 'split_s': '1.5', 'split_mb': '20'}))
    parameters = specs['perl_recorder'].parameters
    assert (parameters['split_s'], parameters['split_mb']) == (1.5, 20.0)
    with pytest.raises(ConfigError, match='split_s is a number that is not negative; got'):
        resolve({**given, 'split_s': value})


def test_every_value_is_filled_in_and_empty_ones_are_left_out(bundle):
    specs = by_name(resolve({'use_mock_hardware': 'true', 'bundle': str(bundle)}))
    controller = specs['perl_controller']
    assert controller.parameters == {
        'robot_ip': '127.0.0.2', 'bundle': str(bundle), 'shadow': False,
        'black_box_folder': str(Path('black_boxes').absolute()),
    }
    assert specs['perl_lifecycle_manager'].parameters['autostart'] is True
    assert not any(isinstance(v, Argument) for s in specs.values() for v in s.parameters.values())


def test_the_user_parameters_come_after_the_shipped_ones(bundle, tmp_path):
    mine = tmp_path / 'mine.yaml'
    mine.write_text('perl_controller: {ros__parameters: {require_monitor: false}}')
    given = {'use_mock_hardware': 'true', 'bundle': str(bundle), 'params_file': str(mine)}
    specs = by_name(resolve(given))
    assert specs['perl_controller'].parameter_files == (str(paths.default_parameters()), str(mine))
    assert specs['ur_controller'].parameter_files == ()


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('perl_controler: {ros__parameters: {}}', "unknown node 'perl_controler'.*Known: perl_"),
        ('perl_controller: {ros__parameters: {require_monitr: 1}}', "unknown parameter 'require_"),
        ('perl_controller: {require_monitor: false}', 'has the form'),
        ('just text', 'has the form'),
        ('{', 'cannot read'),
    ],
)
def test_a_misspelt_file_of_parameters_is_refused(text, message, bundle, tmp_path):
    mine = tmp_path / 'mine.yaml'
    mine.write_text(text)
    given = {'use_mock_hardware': 'true', 'bundle': str(bundle), 'params_file': str(mine)}
    with pytest.raises(ConfigError, match=message):
        resolve(given)


def test_the_data_is_consistent():
    names = [spec.name for spec in ARGUMENTS]
    assert len(set(names)) == len(names)
    assert all(spec.description.endswith('.') for spec in ARGUMENTS)
    assert all(not spec.choices or spec.default in spec.choices for spec in ARGUMENTS)
    assert all(spec.alias_of in ('', *names) for spec in ARGUMENTS)
    values = [v for s in STACK for v in (*s.parameters.values(), *s.arguments, Argument('bag'))]
    assert {v.name for v in values if isinstance(v, Argument)} <= set(names)
    assert {s.condition for s in STACK} - {''} <= set(names)
    assert LIFECYCLE_NODES == ('perl_safety_monitor', 'perl_controller')
    assert all(name in describe() for name in names)


def test_the_shipped_parameters_are_of_nodes_of_the_stack():
    sections = yaml.safe_load(paths.default_parameters().read_text())
    assert set(sections) <= {spec.name for spec in STACK if spec.kind != 'program'}


def test_every_executable_is_installed_by_its_package_from_the_same_module(root):
    for spec in STACK:
        setup = root / 'setup.py' if spec.package == 'perl_core' else (
            root / 'ros2_ws/src' / spec.package / 'setup.py'
        )
        text = Path(setup).read_text()
        module = spec.module if spec.kind != 'program' else f'{spec.module}.__main__'
        assert f'{spec.executable} = {module}:main' in text


def test_every_shipped_parameter_is_declared_by_its_node_with_the_same_default(root):
    modules = {spec.name: spec for spec in STACK}
    for node, section in yaml.safe_load(paths.default_parameters().read_text()).items():
        spec = modules[node]
        relative = spec.module.replace('.', '/') + '.py'
        source = (root / 'ros2_ws/src' / spec.package / relative).read_text()
        for name, value in section['ros__parameters'].items():
            assert f"'{name}'" in source, f'{node} declares no {name}'
            assert repr(value) in source, f'{node} has another default for {name}'
