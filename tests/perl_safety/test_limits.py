import dataclasses
import math
import re

import numpy as np
from perl_core.contract import Contract
from perl_core.errors import SafetyConfigError
from perl_safety.limits import DEFAULT_LIMITS_FILE, load_limits
import pytest
import yaml


@pytest.fixture
def shipped():
    return yaml.safe_load(DEFAULT_LIMITS_FILE.read_text())


def load(tmp_path, data):
    path = tmp_path / 'limits.yaml'
    path.write_text(yaml.safe_dump(data))
    return load_limits(path)


def test_shipped_limits_never_limit_what_the_contract_allows():
    limits, contract = load_limits(), Contract()
    lower, upper = np.array(contract.joint_lower_rad), np.array(contract.joint_upper_rad)
    assert np.allclose(limits.joint_lower_rad, lower - 0.02, atol=1e-4)
    assert np.allclose(limits.joint_upper_rad, upper + 0.02, atol=1e-4)
    assert limits.max_joint_speed_rad_s > contract.max_joint_speed_rad_s
    assert limits.max_joint_acceleration_rad_s2 > contract.max_joint_acceleration_rad_s2
    assert limits.max_tool_speed_m_s > contract.max_tool_speed_m_s
    assert limits.workspace_centre_base_m == contract.workspace_centre_base_m
    assert limits.workspace_radius_m > contract.workspace_radius_m


def test_shipped_monitor_is_wider_than_the_filter():
    limits = load_limits()
    monitor = limits.monitor
    assert np.all(np.array(monitor.joint_lower_rad) < limits.joint_lower_rad)
    assert np.all(np.array(monitor.joint_upper_rad) > limits.joint_upper_rad)
    assert monitor.max_joint_speed_rad_s > limits.max_joint_speed_rad_s
    assert monitor.max_tool_speed_m_s > limits.max_tool_speed_m_s
    assert monitor.workspace_radius_m > limits.workspace_radius_m
    assert monitor.min_tool_height_base_m < limits.min_tool_height_base_m
    assert monitor.state_stop_age_s >= limits.state_stop_age_s


def names():
    limits = load_limits()
    for section, kind in (('filter', limits), ('monitor', limits.monitor)):
        for field in dataclasses.fields(kind):
            if 'bounds' in field.metadata:
                yield section, field.name


@pytest.mark.parametrize(('section', 'name'), list(names()))
@pytest.mark.parametrize('wrong', ['missing', math.nan, math.inf, -1e9, 1e9, 'fast', None, True])
def test_every_limit_that_is_missing_or_out_of_bounds_is_refused_by_name(
    tmp_path, shipped, section, name, wrong
):
    if wrong == 'missing':
        del shipped[section][name]
    elif isinstance(shipped[section][name], list):
        shipped[section][name][1] = wrong
    else:
        shipped[section][name] = wrong
    with pytest.raises(SafetyConfigError, match=name):
        load(tmp_path, shipped)


@pytest.mark.parametrize('section', ['filter', 'monitor'])
def test_an_unknown_limit_is_refused_by_name(tmp_path, shipped, section):
    shipped[section]['max_joint_sped_rad_s'] = 1.0
    with pytest.raises(SafetyConfigError, match='max_joint_sped_rad_s'):
        load(tmp_path, shipped)


def test_a_list_of_another_length_is_refused(tmp_path, shipped):
    shipped['filter']['joint_lower_rad'].pop()
    with pytest.raises(SafetyConfigError, match='joint_lower_rad must be a list of 6'):
        load(tmp_path, shipped)


def test_limits_that_contradict_each_other_are_refused(tmp_path, shipped):
    shipped['filter']['joint_lower_rad'][2] = 2.9
    with pytest.raises(SafetyConfigError, match=r'joint_lower_rad\[2\]'):
        load(tmp_path, shipped)
    shipped['filter']['joint_lower_rad'][2] = 0.1
    shipped['filter']['state_stop_age_s'] = 0.01
    with pytest.raises(SafetyConfigError, match='state_hold_age_s'):
        load(tmp_path, shipped)


def test_a_limit_given_twice_is_refused(tmp_path):
    path = tmp_path / 'limits.yaml'
    path.write_text(DEFAULT_LIMITS_FILE.read_text() + '  state_stop_age_s: 0.3\n')
    with pytest.raises(SafetyConfigError, match='state_stop_age_s'):
        load_limits(path)


@pytest.mark.parametrize('text', ['', '[]', 'filter: 3\nmonitor: {}', '\t', 'a: ['])
def test_a_file_that_is_no_limits_file_is_refused(tmp_path, text):
    path = tmp_path / 'limits.yaml'
    path.write_text(text)
    with pytest.raises(SafetyConfigError):
        load_limits(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(SafetyConfigError, match='nowhere'):
        load_limits(tmp_path / 'nowhere.yaml')


@pytest.mark.parametrize(('section', 'name'), list(names()))
def test_the_bounds_in_the_comments_of_the_shipped_file_are_true(section, name):
    text = DEFAULT_LIMITS_FILE.read_text().split('monitor:\n')[section == 'monitor']
    lines = text.splitlines()
    at = next(index for index, line in enumerate(lines) if line.strip().startswith(name))
    while not lines[at].strip().startswith('#'):
        at -= 1
    lowest, highest = re.match(r'\s*# (-?[\d.]+) to ([\d.]+)', lines[at]).groups()
    kind = load_limits() if section == 'filter' else load_limits().monitor
    bounds = {field.name: field.metadata.get('bounds') for field in dataclasses.fields(kind)}
    assert (float(lowest), float(highest)) == pytest.approx(bounds[name], abs=1e-4)


BOX = {
    'name': 'post', 'centre_base_m': [-0.5, 0.3, 0.2], 'half_size_m': [0.1, 0.1, 0.2],
    'min_distance_m': 0.02,
}
WALL = {'name': 'wall', 'inward_base': [0.5, 0.0, 0.0], 'offset_m': -0.8}


def test_boxes_and_planes_are_read(tmp_path, shipped):
    shipped['filter']['obstacles'], shipped['filter']['planes'] = [BOX], [WALL]
    limits = load(tmp_path, shipped)
    assert limits.obstacles[0].half_size_m == (0.1, 0.1, 0.2)
    assert limits.planes[0].inward_base == (1.0, 0.0, 0.0), 'made one long'


@pytest.mark.parametrize(('section', 'items', 'sentence'), [
    ('obstacles', 'none', 'must be a list'),
    ('obstacles', [{'name': 'post'}], 'missing'),
    ('obstacles', [BOX, BOX], 'a name of its own'),
    ('obstacles', [{**BOX, 'half_size_m': [0.1, 0.0, 0.1]}], 'half_size_m'),
    ('obstacles', [{**BOX, 'centre_base_m': [math.nan, 0.0, 0.1]}], 'centre_base_m'),
    ('planes', [{**WALL, 'inward_base': [0.0, 0.0, 0.0]}], 'direction'),
    ('planes', [{**WALL, 'colour': 'red'}], 'colour'),
])
def test_boxes_and_planes_that_are_none_are_refused(tmp_path, shipped, section, items, sentence):
    shipped['filter'][section] = items
    with pytest.raises(SafetyConfigError, match=sentence):
        load(tmp_path, shipped)
