"""The contract survives being written, and a difference is named."""

import dataclasses
import json
import math

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
from perl_core.contract import (
    ACTION,
    ACTION_SIZE,
    OBSERVATION,
    OBSERVATION_SIZE,
    VECTOR_SIZE,
    Contract,
    Slice,
    scales,
    slice_bounds,
)
from perl_core.errors import ContractError
import pytest

FIELDS = [field.name for field in dataclasses.fields(Contract)]
OTHER_VALUES = {
    'version': 2,
    'robot': 'ur10e',
    'observation': OBSERVATION[:-1],
    'action': ACTION[:1],
    'group': 'SO2',
    'workspace_centre_base_m': (0.0, 0.0, 0.5),
    'home_rad': (0.0,) * 6,
    'joint_lower_rad': (-1.0,) * 6,
    'joint_upper_rad': (1.0,) * 6,
    'policy_rate_hz': 50,
}


def other(name):
    value = OTHER_VALUES.get(name, 2 * getattr(Contract(), name))
    return dataclasses.replace(Contract(), **{name: value})


@given(
    radius_m=st.floats(0.01, 1.0),
    group=st.sampled_from(('SO3', 'SO2')),
    policy_rate_hz=st.sampled_from((10, 20, 25, 50, 100, 125, 250, 500)),
)
def test_what_is_written_as_json_is_read_back_exactly(radius_m, group, policy_rate_hz):
    contract = Contract(workspace_radius_m=radius_m, group=group, policy_rate_hz=policy_rate_hz)
    text = json.dumps(contract.to_dict())
    read = Contract.from_dict(json.loads(text))
    assert read == contract
    assert read.fingerprint() == contract.fingerprint()


@pytest.mark.parametrize('name', FIELDS)
def test_every_difference_is_named_and_changes_the_fingerprint(name):
    with pytest.raises(ContractError, match=f'bundle x was made for another contract: {name} is'):
        Contract().require_equal(other(name), 'bundle x')
    assert other(name).fingerprint() != Contract().fingerprint()


def test_an_equal_contract_is_accepted():
    Contract().require_equal(Contract.from_dict(Contract().to_dict()), 'itself')


@pytest.mark.parametrize('name', FIELDS)
def test_a_missing_field_is_named(name):
    data = Contract().to_dict()
    del data[name]
    with pytest.raises(ContractError, match=rf"missing: \['{name}'\]"):
        Contract.from_dict(data)


def test_an_unknown_field_is_named():
    with pytest.raises(ContractError, match=r"unknown: \['speed'\]"):
        Contract.from_dict(Contract().to_dict() | {'speed': 1.0})


def test_a_contract_that_contradicts_itself_is_refused():
    with pytest.raises(ContractError, match='must divide control_rate_hz; got 30 and 500'):
        Contract(policy_rate_hz=30)
    free_first = (*OBSERVATION[5:], *OBSERVATION[:5])
    with pytest.raises(ContractError, match='vectors of an observation must come before'):
        Contract(observation=free_first)


def test_a_slice_of_unknown_kind_is_refused():
    data = Contract().to_dict()
    data['observation'][0]['kind'] = 'tensor'
    with pytest.raises(ContractError, match='malformed contract'):
        Contract.from_dict(data)


def test_sizes_bounds_and_scales_agree():
    bounds = slice_bounds(OBSERVATION)
    assert OBSERVATION_SIZE == 39
    assert VECTOR_SIZE == 15
    assert ACTION_SIZE == 6
    covered = [index for part in bounds.values() for index in range(part.start, part.stop)]
    assert covered == list(range(OBSERVATION_SIZE))
    assert {part.kind for part in OBSERVATION[:5]} == {'vector'}
    for part in OBSERVATION:
        assert np.all(scales(OBSERVATION)[bounds[part.name]] == np.float32(part.scale))


def test_scales_belong_to_their_slices():
    parts = (Slice(name='a', size=2, kind='vector', scale=3.0),
             Slice(name='b', size=1, kind='free', scale=5.0))  # fmt: skip
    np.testing.assert_array_equal(scales(parts), np.array((3.0, 3.0, 5.0), dtype=np.float32))


def test_derived_rates():
    contract = Contract()
    assert contract.substeps * contract.control_period_s == pytest.approx(contract.policy_period_s)
    assert contract.substeps == 20
    np.testing.assert_array_equal(contract.action_scale, (0.5, 0.5, 0.5, 2.0, 2.0, 2.0))


def test_the_limits_of_the_task_lie_within_those_of_the_robot_and_hold_its_home():
    contract = Contract()
    lower, home, upper = (
        np.array(getattr(contract, name))
        for name in ('joint_lower_rad', 'home_rad', 'joint_upper_rad')
    )
    # Universal Robots, UR5e technical specifications: +-360 degrees, 180 degrees/s.
    assert np.all(lower > -2 * math.pi)
    assert np.all(upper < 2 * math.pi)
    assert np.all(lower < home)
    assert np.all(home < upper)
    assert contract.max_joint_speed_rad_s < math.pi
