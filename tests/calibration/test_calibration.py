"""A calibration is either complete and plausible, or refused by the name of what is wrong."""

import copy
import datetime
import math

import numpy as np
from perl_core.errors import CalibrationError
from perl_core.kinematics import UR5E_NOMINAL
import pytest
import yaml

from calibration.loader import load_calibration, nominal_calibration
from calibration.schema import calibration_from_dict


@pytest.fixture
def data():
    return copy.deepcopy(nominal_calibration().to_dict())


def written(folder, name, data):
    file = folder / name
    file.write_text(yaml.safe_dump(data), encoding='utf-8')
    return file


def test_the_nominal_calibration_is_the_nominal_arm():
    calibration = nominal_calibration()
    for came, expected in zip(calibration.dh_parameters, UR5E_NOMINAL, strict=True):
        np.testing.assert_array_equal(came, expected)
    assert calibration.robot_serial == 'nominal'
    assert calibration.payload_kg == 0.0


def test_what_is_written_is_read_back(tmp_path, data):
    data['robot_serial'], data['payload_kg'] = '20215501234', 1.25
    came = load_calibration(written(tmp_path, '2026-03-01.yaml', data))
    assert came.to_dict() == data
    assert came.content_sha256() == calibration_from_dict(data, 'data').content_sha256()


def test_the_hash_is_of_the_content_and_not_of_the_layout(tmp_path, data):
    reordered = dict(reversed(data.items()))
    same = load_calibration(written(tmp_path, '2026-03-01.yaml', reordered))
    assert same.content_sha256() == nominal_calibration().content_sha256()
    data['dh_parameters']['d_m'][0] += 1e-6
    other = calibration_from_dict(data, 'data')
    assert other.content_sha256() != nominal_calibration().content_sha256()


def test_a_measured_chain_moves_the_tool(data):
    data['dh_parameters']['a_m'][1] += 0.003
    joints_rad = np.array((0.3, -1.2, 1.4, -1.6, -1.5, 0.2))
    moved = calibration_from_dict(data, 'data').kinematics.tool_pose(joints_rad).position_m
    nominal = nominal_calibration().kinematics.tool_pose(joints_rad).position_m
    assert np.linalg.norm(moved - nominal) == pytest.approx(0.003, rel=1e-6)


@pytest.mark.parametrize('name', nominal_calibration().to_dict())
def test_a_missing_field_is_named(data, name):
    del data[name]
    with pytest.raises(CalibrationError, match=rf"missing: \['{name}'\], unknown: \[\]"):
        calibration_from_dict(data, 'file.yaml')


def test_an_unknown_field_is_named(data):
    data['tcp_ofset'] = [0.0, 0.0, 0.0]
    with pytest.raises(CalibrationError, match=r"unknown: \['tcp_ofset'\]"):
        calibration_from_dict(data, 'file.yaml')


WRONG = [
    ('schema_version', 2), ('schema_version', True), ('schema_version', '1'),
    ('robot_type', 'ur10e'), ('robot_serial', ''), ('robot_serial', 20215501234),
    ('date', 'yesterday'), ('date', '2026-13-01'), ('payload_kg', math.nan),
    ('payload_kg', 5.5), ('payload_kg', -0.1), ('payload_kg', '1'), ('payload_kg', True),
    ('payload_kg', 10**400), ('tcp_position_tool0_m', [0.0, 0.0]),
    ('tcp_position_tool0_m', [0.0, 0.0, math.inf]), ('tcp_position_tool0_m', [0.0, 0.0, 1.5]),
    ('tcp_position_tool0_m', [0.0, [0.0], 0.0]), ('tcp_position_tool0_m', 0.0),
    ('tcp_rotation_vector_tool0_rad', [0.0, 0.0, 180.0]),
    ('payload_centre_tool0_m', ['a', 'b', 'c']), ('source', '  '), ('notes', None),
    ('dh_parameters', []),
]


@pytest.mark.parametrize(('name', 'value'), WRONG)
def test_a_wrong_value_is_named(data, name, value):
    data[name] = value
    with pytest.raises(CalibrationError, match=name) as refusal:
        calibration_from_dict(data, 'file.yaml')
    assert 'file.yaml' in str(refusal.value)
    assert len(str(refusal.value)) < 400


@pytest.mark.parametrize(
    ('name', 'index', 'value'),
    [('d_m', 0, 162.5), ('d_m', 0, math.nan), ('a_m', 1, 0.425), ('alpha_rad', 0, 90.0),
     ('theta_rad', 5, 3.0)],
)
def test_dh_parameters_of_another_arm_or_unit_are_refused(data, name, index, value):
    data['dh_parameters'][name][index] = value
    with pytest.raises(CalibrationError, match='dh_parameters'):
        calibration_from_dict(data, 'file.yaml')


def test_offsets_that_cancel_along_parallel_axes_are_accepted(data):
    data['dh_parameters']['d_m'][1] += 135.0
    data['dh_parameters']['d_m'][2] -= 135.0
    joints_rad = np.array((0.3, -1.2, 1.4, -1.6, -1.5, 0.2))
    came = calibration_from_dict(data, 'data').kinematics.tool_pose(joints_rad)
    nominal = nominal_calibration().kinematics.tool_pose(joints_rad)
    np.testing.assert_allclose(came.position_m, nominal.position_m, atol=1e-9)


@pytest.mark.parametrize('text', ['', '- 1', 'text', 'a: [1', 'date: 2026-11-21 10:00:00'])
def test_a_file_that_is_no_calibration_is_refused(tmp_path, text):
    file = tmp_path / '2026-11-21.yaml'
    file.write_text(text, encoding='utf-8')
    with pytest.raises(CalibrationError, match=r'2026-11-21\.yaml'):
        load_calibration(file)


def test_a_key_said_twice_is_refused(tmp_path, data):
    file = written(tmp_path, '2026-11-21.yaml', data)
    file.write_text(file.read_text() + 'payload_kg: 3.0\n', encoding='utf-8')
    with pytest.raises(CalibrationError, match=r"\['payload_kg'\] more than once"):
        load_calibration(file)


def test_a_python_object_in_the_file_is_refused(tmp_path):
    file = tmp_path / '2026-11-21.yaml'
    file.write_text('!!python/object/apply:os.getcwd []', encoding='utf-8')
    with pytest.raises(CalibrationError, match='not valid YAML'):
        load_calibration(file)


def test_a_missing_file_names_the_known_robots(tmp_path):
    with pytest.raises(CalibrationError, match=r"Known robots: \['nominal'\]"):
        load_calibration(tmp_path / 'none.yaml')
    with pytest.raises(CalibrationError, match='holds no calibration'):
        load_calibration(tmp_path)


def test_of_a_folder_the_newest_is_taken(tmp_path, data):
    for day, mass_kg in (('2026-03-01', 1.0), ('2026-11-02', 2.0), ('2025-12-31', 3.0)):
        written(tmp_path, f'{day}.yaml', data | {'date': day, 'payload_kg': mass_kg})
    newest = load_calibration(tmp_path)
    assert (newest.payload_kg, newest.date) == (2.0, datetime.date(2026, 11, 2))
    written(tmp_path, 'old.yaml', data)
    with pytest.raises(CalibrationError, match='named by its date'):
        load_calibration(tmp_path)
