"""ARCHITECTURE.md, "Which way imports may point", as tables over the syntax trees."""

import ast
from fnmatch import fnmatch
from typing import NamedTuple

import pytest

OURS = (
    'perl_core', 'perl_sim', 'calibration', 'perl_msgs', 'perl_control', 'perl_safety',
    'perl_replay', 'perl_bringup', 'tests', 'sim',
)  # fmt: skip
BASE = tuple(
    f'perl_core.{name}'
    for name in ('errors', 'fields', 'contract', 'environment_contract', 'rotation', 'kinematics',
                 'robot_state')
)
STATE = (*BASE, 'perl_core.observation', 'perl_core.action')
TABULAR = ('perl_core.errors', 'perl_core.tabular')
SYMMETRY = (*BASE, 'perl_core.symmetry')
LAYERS = (*SYMMETRY, 'perl_core.layers')
PARTS = (
    *LAYERS, 'perl_core.replay', 'perl_core.predictors', 'perl_core.detectors', 'perl_core.gate',
    'perl_core.critic', 'perl_core.actor', 'perl_core.detection', 'perl_core.gating',
    'perl_core.gaussian', 'perl_core.learned_gate', 'perl_core.shared_trunk', 'perl_core.blocks',
    'perl_core.spaces', 'perl_core.arm_spaces', 'perl_core.arm_frames',
    'perl_core.block_structure', 'perl_core.declared_spaces', 'perl_core.memory',
)  # fmt: skip
AGENTS = (*PARTS, 'perl_core.agents')
READING = (*BASE, 'perl_core.bundle.manifest', 'perl_core.bundle.reading',
           'perl_core.bundle.signature')
RUNTIME = (*READING, 'perl_core.bundle.runtime')
TRAINING = (
    *AGENTS, *STATE, *RUNTIME, 'perl_core.bundle.export', 'perl_core.training',
    'perl_core.evaluation',
    'perl_core.checkpoint', 'perl_core.run_log', 'perl_core.durable', 'perl_core.run_folder',
    'perl_core.training_black_box', 'perl_core.library',
)  # fmt: skip


class Only(NamedTuple):
    """Of our own modules, these files import only some. The first pattern that fits counts."""

    files: tuple[str, ...]
    allowed: tuple[str, ...]


ONLY = (
    Only(tuple(f'{name.replace(".", "/")}.py' for name in BASE), BASE),
    Only(('perl_core/observation.py', 'perl_core/action.py', 'perl_core/resolved_rate.py',
          'perl_core/transitions.py', 'perl_core/black_box.py'), BASE),
    Only(('perl_core/tabular/*',), TABULAR),
    Only(('perl_core/symmetry/*',), SYMMETRY),
    Only(('perl_core/layers/*',), LAYERS),
    Only(tuple(f'{name.replace(".", "/")}.py' for name in PARTS[len(LAYERS):]), PARTS),
    Only(('perl_core/agents/*',), AGENTS),
    Only(('perl_core/bundle/manifest.py', 'perl_core/bundle/reading.py',
          'perl_core/bundle/signature.py'), READING),
    Only(('perl_core/bundle/runtime.py',), RUNTIME),
    Only(('perl_core/bundle/export.py', 'perl_core/training.py', 'perl_core/evaluation.py',
          'perl_core/checkpoint.py', 'perl_core/run_log.py', 'perl_core/durable.py',
          'perl_core/run_folder.py', 'perl_core/training_black_box.py',
          'perl_core/library.py'), TRAINING),
    Only(('perl_core/__init__.py', 'perl_core/bundle/__init__.py'), ()),
    Only(('calibration/*',), ('calibration', *BASE)),
    Only(('sim/perl_sim/ur_controller/*',), ('perl_sim', 'calibration', *STATE)),
    Only(('sim/perl_sim/*',), ('perl_sim', 'calibration', *STATE, 'perl_core.tabular')),
)  # fmt: skip
"""perl_core and what stands beside it. Every file of perl_core must be named by one of these."""


class Never(NamedTuple):
    """These files never import any of these."""

    files: str
    forbidden: tuple[str, ...]


ROS = ('rclpy', 'perl_msgs', 'perl_control', 'perl_safety', 'perl_replay', 'perl_bringup')
NEVER = (
    Never('perl_core/*', ('perl_sim', 'calibration', 'tests', 'mujoco', *ROS)),
    Never('perl_core/tabular/*', ('torch', 'gymnasium', 'scipy')),
    Never('calibration/*', ('perl_sim', 'torch', 'mujoco', 'gymnasium', *ROS)),
    Never('sim/perl_sim/*', ('torch', *ROS)),
    Never('ros2_ws/*', ('torch', 'mujoco', 'gymnasium', 'perl_sim')),
    Never('ros2_ws/src/perl_safety/*', ('perl_control', 'perl_replay', 'perl_bringup')),
    Never('ros2_ws/src/perl_control/*', ('perl_replay', 'perl_bringup')),
    Never('ros2_ws/src/perl_replay/*', ('perl_control', 'perl_bringup')),
    Never('*', ('tests', 'sim', 'train', 'evaluate', 'export', 'make_goals', 'conftest')),
    *(Never(library, ('experiment', 'grid_experiment', 'reach_experiment', 'gridworld',
                      'gridworld_results', 'reach_learning', 'reach_results',
                      'fault_matrix', 'faults'))
      for library in ('perl_core/*', 'sim/perl_sim/*', 'calibration/*', 'ros2_ws/*')),
    Never('*', ('pickle', 'cPickle', 'cloudpickle', 'dill', 'joblib', 'shelve', 'marshal')),
)


class Owned(NamedTuple):
    """These modules are imported by these files only."""

    modules: tuple[str, ...]
    files: tuple[str, ...]


OWNED = (
    Owned(('rclpy',), ('ros2_ws/*_node.py', 'sim/fault_matrix/driver_node.py')),
    Owned(
        ('rtde_control', 'rtde_receive', 'rtde_io', 'dashboard_client'),
        ('ros2_ws/src/perl_control/perl_control/robots/ur.py',
         'ros2_ws/src/perl_control/perl_control/robots/ur_receiver.py',
         'ros2_ws/src/perl_safety/perl_safety/ur_link.py'),
    ),
    Owned(('onnxruntime',), ('perl_core/bundle/runtime.py',)),
    Owned(('daqp',), ('ros2_ws/src/perl_safety/perl_safety/quadratic_programme.py',)),
    Owned(
        ('mcap', 'mcap_ros2', 'rosbags'),
        ('ros2_ws/src/perl_replay/perl_replay/bag.py',
         'ros2_ws/src/perl_replay/perl_replay/bag_records.py',
         'ros2_ws/src/perl_replay/perl_replay/bag_writer.py',
         'ros2_ws/src/perl_replay/perl_replay/black_box.py',
         'ros2_ws/src/perl_replay/perl_replay/layout.py',
         'ros2_ws/src/perl_replay/perl_replay/repair.py',
         'ros2_ws/src/perl_replay/perl_replay/salvage.py'),
    ),
    Owned(('lerobot',), ('ros2_ws/src/perl_replay/perl_replay/lerobot_dataset.py',)),
    Owned(('ray',), ('sim/experiment/backends.py',)),
    # The recorder finds message types by their ROS names; nobody else hides what it imports.
    Owned(('<computed>',), ('ros2_ws/src/perl_replay/perl_replay/raw_queue_node.py',)),
)  # fmt: skip
NAMELESS = {'utils', 'util', 'common', 'helpers', 'helper', 'misc'}
UNSAFE_CALLS = {
    'eval', 'exec', 'compile', '__import__', 'yaml.load', 'yaml.load_all', 'yaml.unsafe_load',
    'yaml.full_load', 'yaml.unsafe_load_all', 'yaml.full_load_all', 'torch.load', 'torch.save',
    'os.system', 'os.popen', 'subprocess.getoutput', 'subprocess.getstatusoutput',
    'runpy.run_path',
}  # fmt: skip
UNSAFE_IMPORTS = {name for name in UNSAFE_CALLS if '.' in name} | {'builtins'}
"""Called by a shorter name they would not be seen."""


def within(name, prefixes):
    return any(name == prefix or name.startswith(f'{prefix}.') for prefix in prefixes)


def only_rule(path):
    return next((rule for rule in ONLY if any(fnmatch(path, p) for p in rule.files)), None)


def wrong_imports(path, imports):
    """Return one sentence for each import that the tables forbid."""
    wrong, rule = [], only_rule(path)
    for name, line in imports:
        where = f'{path}:{line} imports {name}'
        if rule and within(name, OURS) and not within(name, rule.allowed):
            wrong.append(f'{where}; of ours it may import only {rule.allowed}')
        for files, forbidden in NEVER:
            if fnmatch(path, files) and within(name, forbidden):
                wrong.append(f'{where}; {files} never imports it')
        if within(name, UNSAFE_IMPORTS):
            wrong.append(f'{where}; it is unsafe, or hides what is called')
        for modules, files in OWNED:
            if within(name, modules) and not any(fnmatch(path, pattern) for pattern in files):
                wrong.append(f'{where}; only {files} do')
    return wrong


def unsafe_calls(path, source):
    tree, wrong = ast.parse(source), []
    loaders = {'yaml.SafeLoader', 'yaml.CSafeLoader'} | {
        node.name for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and [ast.unparse(base) for base in node.bases] == ['yaml.SafeLoader']
    }  # fmt: skip
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        options = {option.arg: ast.unparse(option.value) for option in node.keywords}
        unsafe = called in UNSAFE_CALLS and options.get('Loader') not in loaders
        if unsafe or 'True' in (options.get('shell'), options.get('allow_pickle')):
            wrong.append(f'{path}:{node.lineno} calls {ast.unparse(node)[:60]}')
    return wrong


def package_of(path):
    return '.'.join(path.with_suffix('').parts[:-1]).removeprefix('sim.')


def test_every_import_points_the_right_way(root, our_files, read_imports):
    wrong = []
    for path in our_files:
        imports = read_imports((root / path).read_text(encoding='utf-8'), package_of(path))
        wrong += wrong_imports(path.as_posix(), imports)
    assert wrong == []


def test_every_file_of_perl_core_has_a_place(our_files):
    homeless = [
        path for path in map(str, our_files)
        if path.startswith('perl_core/') and only_rule(path) is None
    ]  # fmt: skip
    assert homeless == [], 'say in ARCHITECTURE.md and in ONLY what these may import'


def test_no_module_is_nameless(our_files):
    named = {part.removesuffix('.py'): path for path in our_files for part in path.parts}
    assert {name: named[name] for name in NAMELESS & set(named)} == {}


def test_the_folder_of_launch_files_is_no_package(root):
    # It would shadow ROS's own package launch for everything that runs in the root folder.
    assert not (root / 'launch' / '__init__.py').exists()


def test_nothing_unsafe_is_called(root, our_files):
    wrong = []
    for path in our_files:
        wrong += unsafe_calls(path, (root / path).read_text(encoding='utf-8'))
    assert wrong == []


@pytest.mark.parametrize(
    ('path', 'source'),
    [
        ('perl_core/contract.py', 'from perl_core.action import Command'),
        ('perl_core/action.py', 'import perl_core.observation'),
        ('perl_core/tabular/mdp.py', 'from perl_core import contract'),
        ('perl_core/tabular/mdp.py', 'import torch'),
        ('perl_core/symmetry/groups.py', 'from perl_core.layers import mlp'),
        ('perl_core/gate.py', 'from perl_core.agents import pe_sac'),
        ('perl_core/bundle/runtime.py', 'from perl_core import checkpoint'),
        ('perl_core/bundle/runtime.py', 'from perl_core.bundle.export import export_bundle'),
        ('perl_core/bundle/export.py', 'import onnxruntime as ort'),
        ('perl_core/training.py', 'import mujoco'),
        ('perl_core/training.py', 'def f():\n    import rclpy'),
        ('calibration/loader.py', 'from perl_core.action import Command'),
        ('sim/perl_sim/servo.py', 'from perl_core.gate import Gate'),
        ('sim/perl_sim/ur_controller/arm.py', 'from perl_control.robots import ur'),
        ('sim/perl_sim/goals.py', 'from sim.make_goals import main'),
        ('ros2_ws/src/perl_control/perl_control/loop.py', 'import rclpy.node'),
        ('ros2_ws/src/perl_control/perl_control/loop.py', 'import torch'),
        ('ros2_ws/src/perl_control/perl_control/loop.py', 'import importlib as i\n'
         'import importlib\nimportlib.import_module("mujoco")'),
        ('ros2_ws/src/perl_control/perl_control/robots/loopback.py', 'import rtde_control'),
        ('ros2_ws/src/perl_safety/perl_safety/monitor_node.py', 'from perl_control import lock'),
        ('ros2_ws/src/perl_replay/perl_replay/report.py', 'from perl_control import reach'),
        ('ros2_ws/src/perl_replay/perl_replay/report.py', 'from rosbags import highlevel'),
        ('ros2_ws/src/perl_replay/perl_replay/report.py', 'from tests import x'),
        ('perl_core/training.py', 'import pickle'),
        ('perl_core/layers/mlp.py', 'from ..agents import pe_sac'),
        ('sim/perl_sim/envs/grid_world.py', 'from grid_experiment.plan import Plan'),
        ('sim/grid_experiment/running.py', 'import ray'),
        ('perl_core/fields.py', 'from yaml import load'),
        ('perl_core/fields.py', 'from os import system as run'),
        ('perl_core/fields.py', 'import builtins'),
    ],
)
def test_the_tables_forbid(read_imports, path, source):
    package = path.rsplit('/', 1)[0].replace('/', '.')
    assert len(wrong_imports(path, read_imports(source, package))) >= 1


@pytest.mark.parametrize(
    'source',
    ['eval("1")', 'exec(x)', 'yaml.load(text, Loader=L)', 'torch.load(f)', 'os.system("ls")',
     'subprocess.run("ls", shell=True)', 'subprocess.getoutput("ls")',
     'np.load(f, allow_pickle=True)'],
)  # fmt: skip
def test_unsafe_calls_are_found(source):
    assert len(unsafe_calls('x.py', source)) == 1


def test_safe_calls_are_not_taken_for_unsafe_ones():
    source = 'model.eval()\nre.compile("a")\nyaml.safe_load(t)\nsubprocess.run(["ls"])'
    assert unsafe_calls('x.py', source) == []
    source = 'class Strict(yaml.SafeLoader):\n    pass\nyaml.load(text, Loader=Strict)'
    assert unsafe_calls('x.py', source) == []
