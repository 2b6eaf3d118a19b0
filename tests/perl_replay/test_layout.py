"""Messages read from fixed places are those that the definition says."""

import dataclasses
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
from perl_replay.bag import Bag
from perl_replay.layout import TopicReader
import pytest
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

BAGS = Path(__file__).parents[1] / 'bags'
TYPE = 'test_msgs/msg/Mixed'
DEFINITION = """\
bool first
string text
float64[] many
string[] names
uint8[3] three
Inner inner
float32[] others
int16 last
================================================================================
MSG: test_msgs/Inner
uint8 small
float64 large
"""


def plain(value):
    """Return a message as types that compare, bit for bit."""
    if dataclasses.is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.tobytes()
    return repr(value)


def made_store():
    store = get_typestore(Stores.EMPTY)
    store.register(get_types_from_msg(DEFINITION, TYPE))
    return store


STORE = made_store()


def message(text, many, names, others, number):
    inner = STORE.types['test_msgs/msg/Inner'](number % 256, number * 0.5)
    return STORE.types[TYPE](
        number % 2 == 1, text, np.array(many, dtype=np.float64), names,
        np.array([1, 2, number % 256], dtype=np.uint8), inner,
        np.array(others, dtype=np.float32), number,
    )


class Counted:
    """The decoder of the library, and how often it was asked."""

    def __init__(self, store, type_name):
        self.store, self.type_name, self.times = store, type_name, 0

    def __call__(self, data):
        self.times += 1
        return self.store.deserialize_cdr(data, self.type_name)


@pytest.mark.parametrize('name', ['reach', 'stop'])
def test_every_recorded_message_is_read_as_the_library_reads_it(name):
    bag = Bag(BAGS / name)
    readers = {}
    for topic, _, data in bag.raw_messages(bag.topics):
        if topic not in readers:
            type_name = bag.topics[topic].type
            bag.has_header(topic)  # registers the type
            store = bag._store
            readers[topic] = TopicReader(store, type_name, Counted(store, type_name))
        reader = readers[topic]
        assert plain(reader.read(data)) == plain(
            reader._store.deserialize_cdr(data, reader._type)
        ), topic
    for topic in ('/joint_states', '/perl_controller/command', '/perl_controller/policy_state'):
        assert readers[topic]._decode.times <= 2, topic


@given(st.lists(st.tuples(
    st.text(max_size=5), st.lists(st.floats(width=64), max_size=3),
    st.lists(st.text(max_size=3), max_size=3), st.lists(st.floats(width=32), max_size=3),
    st.integers(0, 1000),
), min_size=1, max_size=12))
def test_messages_of_changing_shapes_are_read_right(contents):
    reader = TopicReader(STORE, TYPE, Counted(STORE, TYPE))
    for content in [*contents, *contents]:
        data = bytes(STORE.serialize_cdr(message(*content), TYPE))
        assert plain(reader.read(data)) == plain(STORE.deserialize_cdr(data, TYPE))


def test_the_library_is_asked_once_for_a_shape_and_always_for_another():
    decode = Counted(STORE, TYPE)
    reader = TopicReader(STORE, TYPE, decode)
    for number in range(10):
        content = message('abc', [number, np.nan], ['x', 'yz'], [0.5 * number], 2 * number)
        came = reader.read(bytes(STORE.serialize_cdr(content, TYPE)))
        assert plain(came) == plain(content)
    assert decode.times == 1
    # As long as the others; the text is another one.
    other = message('abd', [1.0, 2.0], ['x', 'yz'], [0.5], 3)
    assert reader.read(bytes(STORE.serialize_cdr(other, TYPE))).text == 'abd'
    assert decode.times == 2


def test_the_other_byte_order_is_read_too():
    reader = TopicReader(STORE, TYPE, Counted(STORE, TYPE))
    for number in range(3):
        content = message('abc', [number], [], [], number)
        data = bytes(STORE.serialize_cdr(content, TYPE, little_endian=False))
        assert reader.read(data).inner.large == 0.5 * number
    assert reader._decode.times == 3


def test_fields_that_are_not_wanted_are_left_out():
    reader = TopicReader(STORE, TYPE, Counted(STORE, TYPE), ('many', 'last'))
    for number in range(4):
        content = message('abc', [number, np.nan], ['x'], [0.5 * number], 2 * number)
        came = reader.read(bytes(STORE.serialize_cdr(content, TYPE)))
        assert came.many[0] == number
        assert came.last == 2 * number
    assert came.inner is None
    assert came.text is None
