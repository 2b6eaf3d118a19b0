"""The launch file in the real ``launch``, where that is installed."""

from perl_bringup.arguments import ARGUMENTS
import pytest

pytest.importorskip('launch_ros.actions', reason='ROS launch is not installed')


def test_the_file_loads_and_declares_its_arguments(root):
    from launch.launch_description_sources import get_launch_description_from_python_launch_file

    path = str(root / 'launch/ur5e.launch.py')
    description = get_launch_description_from_python_launch_file(path)
    declared = description.get_launch_arguments()
    assert [action.name for action in declared] == [spec.name for spec in ARGUMENTS]
