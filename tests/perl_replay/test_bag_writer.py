"""What is written can be read: by ourselves, by rosbags, by mcap; with the right definitions."""

import uuid

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
import numpy as np
from perl_core.errors import BagError, ConfigError
from perl_msgs.action import Reach
from perl_msgs.msg import LoopTiming, SafetyState
from perl_replay.bag import Bag
from perl_replay.bag_writer import BagWriter, Split
from perl_replay.definitions import load_definition
from perl_replay.topics import STACK_TOPICS
import pytest
from rclpy.serialization import serialize_message
from rosbags.highlevel import AnyReader
from rosbags.interfaces import QosDurability, QosReliability
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
import yaml

FEEDBACK = 'perl_msgs/action/Reach_FeedbackMessage'
floats = st.floats(width=32, allow_nan=False)
timings = st.builds(
    lambda first, values, overruns: LoopTiming(
        first_tick=first, lateness_us=values, work_us=values[:1], state_age_us=[],
        overruns=overruns,
    ),
    st.integers(0, 2**64 - 1), st.lists(floats, max_size=50), st.integers(0, 2**64 - 1),
)
safeties = st.builds(
    lambda reasons, severity, limited: SafetyState(
        source='filter', severity=severity, reasons=reasons, limited_ticks=limited
    ),
    st.lists(st.text(st.characters(exclude_categories=['Cs'], exclude_characters='\0'))),
    st.integers(0, 2),
    st.integers(0, 2**64 - 1),
)
anywhere = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@anywhere
@given(st.lists(timings | safeties, min_size=1, max_size=20), st.integers(1, 5))
def test_every_reader_reads_what_was_written(tmp_path, messages, flush_every):
    folder = tmp_path / uuid.uuid4().hex
    writer = BagWriter(folder)
    topics = {LoopTiming: '/a/timing', SafetyState: '/a/safety'}
    writer.add_topic('/a/timing', load_definition('perl_msgs/msg/LoopTiming'))
    writer.add_topic('/a/safety', load_definition('perl_msgs/msg/SafetyState'), latched=True)
    for index, message in enumerate(messages):
        writer.write(topics[type(message)], serialize_message(message), 10 + index, 5 + index)
        if index % flush_every == 0:
            writer.flush()
    size = writer.close()
    assert size.messages == len(messages)
    expected = [(topics[type(m)], 10 + i, fields(m)) for i, m in enumerate(messages)]
    assert read_with_ours(folder) == expected
    assert read_with_rosbags(folder) == expected
    assert read_with_mcap(folder) == expected


def fields(message):
    """Return the figures of either message in plain types, from any reader's object."""
    if hasattr(message, 'first_tick'):
        return message.first_tick, [float(v) for v in message.lateness_us], message.overruns
    return list(message.reasons), message.severity, message.limited_ticks


def read_with_ours(folder):
    bag = Bag(folder)
    return [(m.topic, m.received_ns, fields(m.data)) for m in bag.messages(tuple(bag.topics))]


def read_with_rosbags(folder):
    with AnyReader([folder]) as reader:
        return [
            (connection.topic, time_ns, fields(reader.deserialize(data, connection.msgtype)))
            for connection, time_ns, data in reader.messages()
        ]


def read_with_mcap(folder):
    with next(folder.glob('*.mcap')).open('rb') as stream:
        reader = make_reader(stream, validate_crcs=True, decoder_factories=[DecoderFactory()])
        return [
            (channel.topic, message.log_time, fields(decoded))
            for _, channel, message, decoded in reader.iter_decoded_messages()
        ]


def test_profile_encodings_and_metadata_are_those_of_rosbag2(make_bag, goal_type):
    folder = make_bag([goal_type()])
    with (folder / 'bag_0.mcap').open('rb') as stream:
        reader = make_reader(stream)
        assert reader.get_header().profile == 'ros2'
        summary = reader.get_summary()
        assert {s.encoding for s in summary.schemas.values()} == {'ros2msg'}
        assert {c.message_encoding for c in summary.channels.values()} == {'cdr'}
        assert {i.compression for i in summary.chunk_indexes} == {'zstd'}
        metadata = {record.name: record.metadata for record in reader.iter_metadata()}
    assert metadata['perl_software'] == {'git_hash': 'f00d'}
    outside = yaml.safe_load((folder / 'metadata.yaml').read_text())
    inside = yaml.safe_load(metadata['rosbag2']['serialized_metadata'])
    assert outside['rosbag2_bagfile_information'] == inside
    assert inside['message_count'] == summary.statistics.message_count
    assert sum(t['message_count'] for t in inside['topics_with_message_count']) == (
        inside['message_count']
    )


def test_rosbags_sees_all_topics_with_their_quality_of_service(make_bag, goal_type):
    with Reader(make_bag([goal_type()])) as reader:
        profiles = {c.topic: c.ext.offered_qos_profiles[0] for c in reader.connections}
    assert set(profiles) == {topic.name for topic in STACK_TOPICS}
    for topic in STACK_TOPICS:
        profile = profiles[topic.name]
        assert profile.reliability == QosReliability.RELIABLE
        assert (profile.durability == QosDurability.TRANSIENT_LOCAL) == topic.latched


@pytest.mark.parametrize('type_name', sorted({topic.type for topic in STACK_TOPICS}))
def test_definition_hashes_to_what_rosidl_computed(type_name):
    """The hash covers every field of every message inside: an independent proof of the text."""
    definition = load_definition(type_name)
    store = get_typestore(Stores.EMPTY)
    store.register(get_types_from_msg(definition.text, type_name))
    assert definition.type_hash.startswith('RIHS01_')
    assert store.hash_rihs01(type_name) == definition.type_hash


def test_feedback_of_the_action_is_read_back(start_run):
    run = start_run()
    message = Reach.Impl.FeedbackMessage()
    message.goal_id.uuid = np.arange(16, dtype=np.uint8)
    message.feedback.position_error_m = 0.125
    message.feedback.branch = 1
    topic = next(topic.name for topic in STACK_TOPICS if topic.type == FEEDBACK)
    run.put(topic, message)
    (read,) = Bag(run.close()).messages([topic])
    assert list(read.data.goal_id.uuid) == list(range(16))
    assert (read.data.feedback.position_error_m, read.data.feedback.branch) == (0.125, 1)


def test_existing_folder_is_refused(tmp_path):
    with pytest.raises(BagError, match='exists already and is not overwritten'):
        BagWriter(tmp_path)


def test_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(BagError, match='cannot be made'):
        BagWriter(tmp_path / 'file' / 'bag')


@pytest.mark.parametrize(('type_name', 'text'), [
    ('perl_msgs/PolicyState', 'looks like'),
    ('perl_msgs/msg/Nothing', 'has no msg/Nothing.msg'),
    ('no_such_msgs/msg/Nothing', 'not installed'),
    ('perl_msgs/action/Reach_Goal', 'has no action/Reach_Goal.action'),
    ('perl_msgs/action/Reach', 'no feedback of an action'),
])
def test_unknown_types_are_named(type_name, text):
    with pytest.raises(BagError, match=text):
        load_definition(type_name)


def test_missing_prefix_path_is_named(monkeypatch):
    monkeypatch.delenv('AMENT_PREFIX_PATH')
    with pytest.raises(BagError, match='AMENT_PREFIX_PATH'):
        load_definition('perl_msgs/msg/SafetyState')


@pytest.mark.parametrize('split_s', [0.0, 0.75, 1.5])
@pytest.mark.parametrize('split_bytes', [0.0, 1500.0, 1e9])
def test_a_split_bag_holds_the_same_messages_in_the_same_order(tmp_path, split_s, split_bytes):
    folder = tmp_path / 'bag'
    writer = BagWriter(folder, split=Split(duration_s=split_s, size_bytes=split_bytes))
    writer.add_topic('/a/safety', load_definition('perl_msgs/msg/SafetyState'))
    writer.add_metadata('perl_robot', {'robot_ip': '127.0.0.7'})
    for number in range(24):
        message = serialize_message(SafetyState(source='filter', stops=number))
        writer.write('/a/safety', message, 10**18 + number * 10**8, 10**18)
        if number % 5 == 4:
            writer.flush()
    size = writer.close()
    files = sorted(folder.glob('*.mcap'), key=lambda file: int(file.stem.rpartition('_')[2]))
    assert size.bytes == sum(file.stat().st_size for file in files)
    assert [m.data.stops for m in Bag(folder).messages(['/a/safety'])] == list(range(24))
    for file in files:
        alone = Bag(file)
        assert alone.metadata['perl_robot'] == {'robot_ip': '127.0.0.7'}
        span_s = (alone.end_ns - alone.start_ns) / 1e9
        assert not split_s or span_s < split_s
    assert (len(files) == 1) == (not split_s and split_bytes != 1500.0)
    with Reader(folder) as reader:
        assert reader.message_count == 24


@pytest.mark.parametrize('amount', [-1.0, float('nan'), float('inf')])
def test_a_bag_is_split_by_finite_amounts(amount):
    for name in ('duration_s', 'size_bytes'):
        with pytest.raises(ConfigError, match='a bag is split after a duration'):
            Split(**{name: amount})
