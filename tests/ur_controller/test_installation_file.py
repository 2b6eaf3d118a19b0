"""Installation files: what they say holds, and what they cannot say is refused."""

from perl_core.errors import ConfigError
from perl_sim.ur_controller.command_line import config_from, parser
from perl_sim.ur_controller.installation_file import Installation, installation_from_data
import pytest

FILE = """
limits: {tool_speed_m_s: 1.5}
reduced_limits: {joint_speed_rad_s: 1.0}
planes: [{normal_base: [0, 0, -1], offset_m: -0.05}]
boxes: [{name: block, centre_base_m: [-0.5, 0.2, 0.1], half_size_m: [0.1, 0.1, 0.1]}]
"""


def test_a_file_on_the_command_line_reaches_the_arm(tmp_path):
    file = tmp_path / 'cell.yaml'
    file.write_text(FILE)
    arm = config_from(parser().parse_args(['--installation', str(file)])).arm
    assert arm.limits.tool_speed_m_s == 1.5
    assert arm.limits.force_n == Installation().limits.force_n
    assert arm.reduced_limits.joint_speed_rad_s == 1.0
    assert arm.planes[0].excess_m((0.0, 0.0, 0.04)) == pytest.approx(0.01)
    assert arm.boxes[0].name == 'block'


def test_an_empty_installation_changes_nothing():
    assert installation_from_data({}, 'x') == Installation()


@pytest.mark.parametrize(('data', 'said'), [
    (None, 'parts'), ({'walls': []}, 'parts'), ({'limits': {'fly': 1}}, 'fly'),
    ({'limits': {'force_n': 0}}, 'force_n'), ({'limits': {'force_n': 'x'}}, 'force_n'),
    ({'planes': {}}, 'list'), ({'planes': [{'normal_base': [0, 0, 0], 'offset_m': 1}]}, 'normal'),
    ({'planes': [{'normal_base': [0, 0], 'offset_m': 1}]}, 'normal_base'),
    ({'boxes': [{'name': 'b'}]}, 'missing'), ({'limits': 3}, 'mapping'),
])
def test_what_cannot_be_is_refused_by_name(data, said):
    with pytest.raises(ConfigError, match=said):
        installation_from_data(data, 'cell.yaml')


def test_a_file_that_is_not_there_is_named(tmp_path):
    options = parser().parse_args(['--installation', str(tmp_path / 'none.yaml')])
    with pytest.raises(ConfigError, match=r'none\.yaml'):
        config_from(options)
