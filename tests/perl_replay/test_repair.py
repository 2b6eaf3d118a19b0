"""A bag that broke off, anywhere, becomes one that every reader opens."""

import json
from pathlib import Path
import shutil

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcap.reader import make_reader
from perl_core.errors import BagError
from perl_replay.bag import Bag
from perl_replay.bag_writer import BagWriter, Split
from perl_replay.definitions import load_definition
from perl_replay.repair import repair_bag
import pytest
from rosbags.rosbag2 import Reader
import yaml

TOPIC = '/perl_recorder/marks'
MESSAGES = 60
anywhere = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def message(number):
    """A Mark without text, stamped with its number."""
    return b'\0\1\0\0' + number.to_bytes(4, 'little') + bytes(4) + b'\1\0\0\0\0\0\0\0\1\0\0\0\0'


def write(folder, split=None, close=True):
    """Write messages in chunks of ten."""
    writer = BagWriter(folder, 'kilted', split)
    writer.add_topic(TOPIC, load_definition('perl_msgs/msg/Mark'), latched=True)
    writer.add_metadata('perl_robot', {'robot_ip': '127.0.0.7'})
    for number in range(MESSAGES):
        writer.write(TOPIC, message(number), 10**18 + number * 10**8, 10**18)
        if number % 10 == 9:
            writer.flush()
    if close:
        writer.close()
    else:
        writer.abandon()
    return folder


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """A bag whose writer finished."""
    return write(tmp_path_factory.mktemp('bags') / 'whole')


def numbers(folder, **options):
    return [m.data.header.stamp.sec for m in Bag(folder, **options).messages([TOPIC])]


def copy(bag, folder):
    shutil.rmtree(folder, ignore_errors=True)
    return Path(shutil.copytree(bag, folder))


def mcap_of(folder):
    return next(folder.glob('*_0.mcap'))


def require_read_by_others(folder):
    """Read it with rosbags and with mcap's seeking reader, which both need the index."""
    with Reader(folder) as reader:
        count = sum(1 for _ in reader.messages())
        assert count == reader.message_count
    with mcap_of(folder).open('rb') as stream:
        assert make_reader(stream).get_summary().statistics.message_count == count
    return count


@anywhere
@given(st.floats(0.0, 1.0))
def test_what_was_before_the_break_is_kept(whole, tmp_path, share):
    bag = copy(whole, tmp_path / 'broken')
    (bag / 'metadata.yaml').unlink()
    content = mcap_of(bag).read_bytes()
    mcap_of(bag).write_bytes(content[: round(share * len(content))])
    try:
        readable = numbers(bag, readable_part=True)
    except BagError:
        readable = []
    if not readable:
        with pytest.raises(BagError, match=r'nothing of .* can be read; it is left'):
            repair_bag(bag)
        assert mcap_of(bag).read_bytes() == content[: round(share * len(content))]
        return
    repair = repair_bag(bag)
    assert numbers(bag) == list(range(len(readable)))
    assert require_read_by_others(bag) == repair.messages == len(readable)
    assert Bag(bag).metadata.get('perl_robot') in ({'robot_ip': '127.0.0.7'}, None)
    assert repair_bag(bag).sentences()[0] == 'nothing to repair'
    assert not list(bag.glob('*.unfinished'))


@anywhere
@given(st.data())
def test_a_wrong_byte_costs_its_chunk_only(whole, tmp_path, data):
    bag = copy(whole, tmp_path / 'rotten')
    content = bytearray(mcap_of(bag).read_bytes())
    with mcap_of(bag).open('rb') as stream:
        chunks = make_reader(stream).get_summary().chunk_indexes
    index = data.draw(st.integers(0, len(chunks) - 1))
    end = chunks[index].chunk_start_offset + chunks[index].chunk_length
    content[end - data.draw(st.integers(1, chunks[index].compressed_size))] ^= 0x55
    mcap_of(bag).write_bytes(content)
    repair = repair_bag(bag)
    lost = range(10 * index, 10 * index + 10)
    assert numbers(bag) == [n for n in range(MESSAGES) if n not in lost]
    assert repair.files['whole_0.mcap'].lost_chunks == 1
    assert repair.metadata_written
    require_read_by_others(bag)


def test_metadata_is_as_before_the_recorder_was_killed(whole, tmp_path):
    bag = write(tmp_path / 'whole', close=False)
    repair = repair_bag(bag)
    assert repair.messages == MESSAGES
    before = yaml.safe_load((whole / 'metadata.yaml').read_text())
    after = yaml.safe_load((bag / 'metadata.yaml').read_text())
    before['rosbag2_bagfile_information']['ros_distro'] = ''  # only metadata.yaml knew it
    assert after == before


def test_of_a_split_bag_only_the_broken_file_is_touched(tmp_path):
    bag = write(tmp_path / 'split', Split(duration_s=2.0), close=False)
    files = sorted(bag.glob('*.mcap'))
    assert len(files) == 3
    untouched = [file.stat().st_ino for file in files[:-1]]
    last = files[-1].read_bytes()
    files[-1].write_bytes(last[: len(last) - 220])
    repair = repair_bag(bag)
    assert set(repair.files) == {'split_2.mcap'}
    assert [file.stat().st_ino for file in files[:-1]] == untouched
    assert numbers(bag) == list(range(50))
    with Reader(bag) as reader:
        assert reader.message_count == 50


def test_what_is_being_recorded_is_left_alone(tmp_path):
    writer = BagWriter(tmp_path / 'bag')
    with pytest.raises(BagError, match='is being recorded; stop the recorder'):
        repair_bag(tmp_path / 'bag')
    writer.close()


def test_the_command(whole, tmp_path, run_here):
    bag = copy(whole, tmp_path / 'bag')
    (bag / 'metadata.yaml').unlink()
    done = [run_here('repair', path) for path in (bag, mcap_of(bag), tmp_path / 'nothing')]
    assert [process.returncode for process in done] == [0, 0, 2]
    assert 'metadata.yaml: written anew' in done[0].stdout
    assert json.loads(done[0].stdout.splitlines()[-1])['messages'] == MESSAGES
    assert 'nothing to repair' in done[1].stdout
    assert 'there is no bag at' in done[2].stderr
