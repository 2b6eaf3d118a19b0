"""Framing: whatever pieces the bytes arrive in, the packages are the same."""

import itertools
import struct

from hypothesis import given
from hypothesis import strategies as st
from perl_sim.ur_controller.rtde_protocol import (
    FrameReader,
    PackageType,
    ProtocolError,
    TextMessage,
    frame,
    pack_message,
    split_names,
    unpack,
    unpack_message,
)
from perl_sim.ur_controller.rtde_recipes import InputRecipe, OutputLayout, Rate
from perl_sim.ur_controller.rtde_variables import (
    FORMATS,
    INPUTS,
    LENGTHS,
    OUTPUTS,
    outputs_of,
    resting_values,
)
import pytest

PACKAGES = st.lists(st.tuples(st.sampled_from(PackageType), st.binary(max_size=60)), max_size=12)


@given(packages=PACKAGES, cuts=st.lists(st.integers(0, 800), max_size=20))
def test_any_split_of_the_stream_gives_the_same_packages(packages, cuts):
    stream = b''.join(frame(*package) for package in packages)
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    reader, received = FrameReader(), []
    for start, end in itertools.pairwise(edges):
        received += reader.feed(stream[start:end])
    assert received == packages


def test_the_exact_bytes_of_the_hand_shake():
    assert frame(PackageType.REQUEST_PROTOCOL_VERSION, b'\x01') == bytes.fromhex('00045601')
    assert frame(PackageType.START, b'\x01') == bytes.fromhex('00045301')
    request = bytes.fromhex('0005560002')
    assert list(FrameReader().feed(request)) == [
        (PackageType.REQUEST_PROTOCOL_VERSION, b'\x00\x02')]


@pytest.mark.parametrize(('garbage', 'message'), [
    (b'\x00\x02V', '3 bytes or more'),
    (b'GET / HTTP/1.1\r\n', 'package types are'),
])
def test_garbage_is_refused_by_name(garbage, message):
    with pytest.raises(ProtocolError, match=message):
        list(FrameReader().feed(garbage))


def test_the_captured_data_package_of_the_vendors_client_library():
    recipe = OutputLayout(('timestamp', 'target_speed_fraction'), ['DOUBLE', 'DOUBLE'])
    (timestamp,) = struct.unpack('>d', bytes.fromhex('40d0070d2f1a9fbe'))
    packed = recipe.pack({'timestamp': (timestamp,), 'target_speed_fraction': (1.0,)})
    assert packed == bytes.fromhex('0014550140d0070d2f1a9fbe3ff0000000000000')


@given(names=st.lists(st.sampled_from(sorted(OUTPUTS)), min_size=1, max_size=60))
def test_every_variable_can_be_packed_at_rest(names):
    types = [OUTPUTS[name] for name in names]
    packed = OutputLayout(tuple(names), types).pack(resting_values())
    expected = 4 + sum(struct.calcsize('>' + FORMATS[kind]) for kind in types)
    assert len(packed) == expected == struct.unpack('>H', packed[:2])[0]


@given(data=st.binary(max_size=300),
       names=st.lists(st.sampled_from(sorted(INPUTS)), min_size=1, max_size=20, unique=True))
def test_input_packages_of_any_length_are_taken(data, names):
    values = InputRecipe(names, [INPUTS[name] for name in names]).unpack(data)
    assert {name: len(value) for name, value in values.items()} == {
        name: LENGTHS[INPUTS[name]] for name in names}


@pytest.mark.parametrize('rate_hz', [500.0, 250.0, 125.0, 60.0, 1.0])
def test_packages_come_at_the_asked_rate(rate_hz):
    rate = Rate(rate_hz)
    sent = sum(rate.is_due(tick) for tick in range(1, 5001))
    assert sent == pytest.approx(10 * rate_hz, abs=1)


def test_default_recipe_of_the_receive_client_has_the_published_size():
    # 58 variables, 1180 bytes at PolyScope 5.11.
    text = (
        'timestamp target_q target_qd target_qdd target_current target_moment actual_q actual_qd '
        'actual_current joint_control_output actual_TCP_pose actual_TCP_speed actual_TCP_force '
        'target_TCP_pose target_TCP_speed actual_digital_input_bits joint_temperatures '
        'actual_execution_time robot_mode joint_mode safety_mode actual_tool_accelerometer '
        'speed_scaling target_speed_fraction actual_momentum actual_main_voltage '
        'actual_robot_voltage actual_robot_current actual_joint_voltage '
        'actual_digital_output_bits runtime_state standard_analog_input0 standard_analog_input1 '
        'standard_analog_output0 standard_analog_output1 robot_status_bits safety_status_bits '
        'ft_raw_wrench payload payload_cog payload_inertia output_int_register_2'
    )
    names = text.split()
    names += [f'output_int_register_{index}' for index in range(12, 20)]
    names += [f'output_double_register_{index}' for index in range(12, 20)]
    recipe = OutputLayout(tuple(names), [OUTPUTS[name] for name in names])
    assert (len(names), len(recipe.pack(resting_values()))) == (58, 1180)


def test_variables_of_later_versions_are_not_known_to_earlier_ones():
    assert 'actual_current_as_torque' not in outputs_of((5, 11, 5))
    assert 'actual_current_as_torque' in outputs_of((5, 23, 0))


def test_empty_names_are_ignored_and_wrong_lengths_refused():
    assert split_names(b'timestamp,actual_q,') == ['timestamp', 'actual_q']
    with pytest.raises(ProtocolError, match='payload of 2 bytes; got 3'):
        unpack('>H', b'abc', 'a request')


@given(text=st.text(max_size=300), source=st.text(max_size=300), level=st.integers(0, 255))
def test_text_messages_come_out_as_they_went_in_or_cut(text, source, level):
    came = unpack_message(pack_message(TextMessage(text, source, level)))
    assert came.level == level
    assert came.text == text.encode('latin-1', 'replace')[:255].decode('latin-1')
    assert came.source == source.encode('latin-1', 'replace')[:255].decode('latin-1')


@given(payload=st.binary(max_size=40))
def test_any_bytes_are_a_text_message_or_refused(payload):
    try:
        message = unpack_message(payload)
    except ProtocolError:
        return
    assert pack_message(message) == payload
