"""Whole and split bags open unchanged in rosbags, mcap, its command and Foxglove's libraries."""

import json
import os
from pathlib import Path
import shutil
import subprocess

from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from perl_replay.bag import Bag
from perl_replay.bag_writer import BagWriter, Split
from perl_replay.topics import STACK_TOPICS
import pytest
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_typestore
import yaml

ROOT = Path(__file__).parents[2]
REACH = ROOT / 'tests' / 'bags' / 'reach'
JOINTS = '/joint_states'
FEEDBACK = '/perl_controller/reach/_action/feedback'
FOXGLOVE = Path(__file__).with_name('read_with_foxglove.mjs')
MODULES = Path(os.environ.get('PERL_NODE_MODULES', ROOT / '.npm' / 'node_modules'))


@pytest.fixture(scope='module', params=['whole', 'split'])
def bag(request, tmp_path_factory):
    """A recorded bag, as it was written or in several files."""
    if request.param == 'whole':
        return REACH
    source, folder = Bag(REACH), tmp_path_factory.mktemp('bags') / 'split'
    writer = BagWriter(folder, 'kilted', Split(duration_s=4.0))
    latched = {topic.name: topic.latched for topic in STACK_TOPICS}
    for name in source.topics:
        writer.add_topic(name, source.definition(name), latched[name])
    for name, received_ns, data in source.raw_messages(source.topics):
        writer.write(name, data, received_ns, received_ns)
    writer.close()
    assert len(list(folder.glob('*.mcap'))) == 3
    return folder


@pytest.fixture(scope='module')
def counts():
    return {name: topic.messages for name, topic in Bag(REACH).topics.items() if topic.messages}


def files(bag):
    return sorted(bag.glob('*.mcap'))


def added(many):
    total = {}
    for one in many:
        for name, count in one.items():
            total[name] = total.get(name, 0) + count
    return total


def test_rosbags_reads_folder_and_metadata(bag, counts):
    with Reader(bag) as reader:
        assert reader.message_count == sum(counts.values())
        assert {c.topic: c.msgcount for c in reader.connections if c.msgcount} == counts
        seen = [connection.topic for connection, _, _ in reader.messages()]
    assert {name: seen.count(name) for name in set(seen)} == counts


def test_rosbags_decodes_every_message_without_our_packages(bag):
    with AnyReader([bag], default_typestore=get_typestore(Stores.EMPTY)) as reader:
        for connection, _, data in reader.messages():
            reader.deserialize(data, connection.msgtype)


def test_mcap_checks_every_checksum_and_decodes_all_but_action_feedback(bag, counts):
    seen = []
    for file in files(bag):
        with file.open('rb') as stream:
            reader = make_reader(stream, validate_crcs=True, decoder_factories=[DecoderFactory()])
            # mcap_ros2 refuses the underscore in the type of an action's feedback.
            topics = [name for name in counts if name != FEEDBACK]
            seen += [channel.topic for _, channel, _, _ in reader.iter_decoded_messages(topics)]
    expected = {name: count for name, count in counts.items() if name != FEEDBACK}
    assert {name: seen.count(name) for name in set(seen)} == expected


def test_metadata_is_what_rosbag2_writes(bag):
    content = yaml.safe_load((bag / 'metadata.yaml').read_text())['rosbag2_bagfile_information']
    # Source: rosbag2_storage/src/rosbag2_storage/metadata_io and default_storage_id, Kilted.
    assert (content['version'], content['storage_identifier']) == (9, 'mcap')
    assert content['relative_file_paths'] == [file.name for file in files(bag)]
    assert [entry['path'] for entry in content['files']] == content['relative_file_paths']
    assert sum(entry['message_count'] for entry in content['files']) == content['message_count']
    starts = [entry['starting_time']['nanoseconds_since_epoch'] for entry in content['files']]
    assert starts == sorted(starts)
    assert content['starting_time']['nanoseconds_since_epoch'] == starts[0]
    last = content['files'][-1]
    assert starts[0] + content['duration']['nanoseconds'] == (
        starts[-1] + last['duration']['nanoseconds']
    )
    state = next(
        entry['topic_metadata'] for entry in content['topics_with_message_count']
        if entry['topic_metadata']['name'] == '/perl_controller/state'
    )
    assert state['offered_qos_profiles'][0]['durability'] == 'transient_local'
    assert state['type_description_hash'].startswith('RIHS01_')


@pytest.mark.skipif(
    not (shutil.which('node') and (MODULES / '@mcap').is_dir()),
    reason="node and Foxglove's libraries are needed: see docs/recording.md",
)
def test_foxglove_reads_and_decodes_everything(bag, counts):
    found = []
    for file in files(bag):
        done = subprocess.run(
            ['node', str(FOXGLOVE), str(MODULES), str(file)],
            capture_output=True, text=True, timeout=60, check=False,
        )
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout))
    assert all(one['profile'] == 'ros2' and 'rosbag2' in one['metadata'] for one in found)
    assert added(one['counts'] for one in found) == counts
    joints = list(Bag(REACH).messages([JOINTS]))[-1].data
    assert found[-1]['joints'] == joints.position.tolist()


@pytest.mark.skipif(shutil.which('mcap') is None, reason="mcap's own command is not installed")
def test_the_command_of_mcap_finds_nothing_wrong(bag, counts):
    shown = []
    for file in files(bag):
        done = [
            subprocess.run(['mcap', verb, str(file)], capture_output=True, text=True, timeout=60,
                           check=False)
            for verb in ('doctor', 'info')
        ]
        assert [process.returncode for process in done] == [0, 0], done[0].stderr
        shown.append(done[1].stdout)
    assert all(name in ''.join(shown) for name in counts)
