"""What runs on the robot computer loads no learning library and no simulator."""

from pathlib import Path
import subprocess
import sys

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ('torch', 'mujoco', 'gymnasium', 'perl_sim', 'onnx', 'tensorboard', 'stable_baselines3',
         'lerobot')
CORE = [
    'perl_core.bundle.runtime', 'perl_core.observation', 'perl_core.action',
    'perl_core.kinematics', 'perl_core.contract', 'perl_core.robot_state',
    'calibration.loader',
]
PACKAGES = ('perl_control', 'perl_safety', 'perl_replay', 'perl_bringup')


def modules_of(package):
    """Every module of a ROS package but its nodes and entry points."""
    folder = ROOT / 'ros2_ws' / 'src' / package / package
    names = []
    for file in sorted(folder.rglob('*.py')):
        if file.stem.endswith('_node') or file.stem == '__main__':
            continue
        parts = file.relative_to(folder.parent).with_suffix('').parts
        names.append('.'.join(parts).removesuffix('.__init__'))
    return names


def loaded_by(modules, forbidden):
    program = (
        'import importlib, sys\n'
        f'for name in {modules!r}: importlib.import_module(name)\n'
        f'print([name for name in {forbidden!r} if name in sys.modules])'
    )
    result = subprocess.run(
        [sys.executable, '-c', program], capture_output=True, text=True, timeout=100, cwd=ROOT
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_the_core_of_the_robot_is_light():
    assert loaded_by(CORE, (*HEAVY, 'rclpy', 'rtde_control', 'perl_msgs')) == '[]'


@pytest.mark.parametrize('package', PACKAGES)
def test_what_a_ros_package_does_without_ros_is_light(package):
    assert loaded_by(modules_of(package), HEAVY) == '[]'


@pytest.mark.parametrize(
    'modules',
    [['perl_control.loop', 'perl_control.robots.loopback'],
     ['perl_safety.filter', 'perl_safety.monitor', 'perl_safety.watch']],
    ids=('loop', 'monitor'),
)  # fmt: skip
def test_the_loop_and_the_monitor_load_no_ros(modules):
    assert loaded_by(modules, ('rclpy', 'perl_msgs', *HEAVY)) == '[]'


def test_the_check_can_fail():
    assert loaded_by(['gymnasium'], HEAVY) == "['gymnasium']"
