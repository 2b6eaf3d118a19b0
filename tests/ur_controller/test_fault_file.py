"""Scenario files: read strictly, refused in one clear sentence."""

from hypothesis import given, settings
from hypothesis import strategies as st
from perl_core.errors import ConfigError
from perl_sim.ur_controller.fault_file import load_scenario, scenario_from_data
from perl_sim.ur_controller.fault_table import KINDS
import pytest

SCENARIO = """
faults:
  - at_s: 5.0
    fault: freeze_stream
    for_s: 0.5
  - {at_s: 1, fault: slow_replies, delay_s: 0.2, service: dashboard}
  - {at_s: 9.5, fault: protective_stop}
"""


def refusal(data):
    with pytest.raises(ConfigError) as caught:
        scenario_from_data(data, 'faults.yaml')
    return str(caught.value)


def one(**fields):
    return {'faults': [{'at_s': 1.0, **fields}]}


def test_a_scenario_is_read(tmp_path):
    file = tmp_path / 'faults.yaml'
    file.write_text(SCENARIO)
    freeze, slow, stop = load_scenario(file)
    assert (freeze.name, freeze.at_s, freeze.arguments) == ('freeze_stream', 5.0, {'for_s': 0.5})
    assert freeze.lasting_ticks == 250
    assert slow.arguments == {'delay_s': 0.2, 'service': 'dashboard', 'for_s': None}
    assert slow.lasting_ticks is None
    assert (stop.at_s, stop.lasting_ticks) == (9.5, 0)


@pytest.mark.parametrize(('data', 'words'), [
    (None, 'faults.yaml: expected a mapping of fields, got NoneType'),
    ({'fault': []}, "missing: ['faults'], unknown: ['fault']"),
    ({'faults': {}}, 'faults.yaml: faults is a list; got dict'),
    ({'faults': ['freeze_stream']}, 'fault 1: expected at_s, fault and its parameters; got str'),
    (one(fault='melt'), "fault 1: a fault is one of ['clock_jump'"),
    (one(fault=['freeze_stream']), 'a fault is one of'),
    (one(fault='freeze_stream', for_s=-1), 'freeze_stream: for_s must be a finite number within'),
    (one(fault='freeze_stream', until=3), "unknown: ['until']"),
    (one(fault='delay_packages'), "missing: ['delay_s']"),
    (one(fault='drop_packages', share='half'), "it is 'half'"),
    (one(fault='slow_replies', delay_s=1, service='fax'), "service is one of ['all',"),
    (one(fault='protective_stop', for_s=1), "unknown: ['for_s']"),
    ({'faults': [{'fault': 'protective_stop'}]}, 'at_s must be a finite number'),
    ({'faults': [{'fault': 'protective_stop', 'at_s': float('nan')}]}, 'at_s must be a finite'),
])
def test_what_does_not_fit_is_refused_by_place_and_name(data, words):
    assert words in refusal(data)


@pytest.mark.parametrize('text', ['faults: [', '\x00', 'faults: ' + '[' * 5000])
def test_what_is_no_yaml_is_refused(tmp_path, text):
    file = tmp_path / 'faults.yaml'
    file.write_text(text)
    with pytest.raises(ConfigError, match='is no YAML'):
        load_scenario(file)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r'cannot read the scenario .*: No such file'):
        load_scenario(tmp_path / 'none.yaml')


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8)


@settings(max_examples=50)
@given(fault=st.dictionaries(
    st.sampled_from(['at_s', 'fault', 'for_s', 'delay_s', 'share', 'service', 'by_s', 'x']),
    PLAIN | st.sampled_from(sorted(KINDS))))
def test_any_data_is_read_or_refused_with_a_config_error(fault):
    try:
        (read,) = scenario_from_data({'faults': [fault]}, 'faults.yaml')
    except ConfigError:
        return
    assert set(read.arguments) == set(read.kind.parameters)


def test_every_kind_and_parameter_is_explained():
    for name, kind in KINDS.items():
        assert kind.help, name
        for parameter_name, parameter in kind.parameters.items():
            assert parameter.help, f'{name} {parameter_name}'
