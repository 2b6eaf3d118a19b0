"""Reading: damaged files give their readable part and a sentence, never silence."""

import shutil
import subprocess
import sys
import tracemalloc

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from perl_core.errors import BagError
from perl_replay.bag import Bag
from perl_replay.objections import Objections
import pytest

TIMING = '/perl_controller/loop_timing'

ZSTD_FRAME = bytes.fromhex('28b52ffd')
"""How zstd's data begin (RFC 8878, 3.1.1)."""


def read_all(bag, topics=None):
    return [(m.topic, m.received_ns) for m in bag.messages(topics or tuple(bag.topics))]


def test_topics_times_and_metadata_are_listed(make_bag, goal_type):
    bag = Bag(make_bag([goal_type()]))
    assert bag.topics['/perl_controller/reach_events'].messages == 2
    assert bag.topics['/diagnostics'].messages == 0
    assert bag.message_count == len(read_all(bag))
    assert bag.end_ns > bag.start_ns
    assert bag.metadata['perl_software'] == {'git_hash': 'f00d'}
    assert bag.damage is None


def test_the_file_alone_is_enough(make_bag, goal_type, tmp_path):
    folder = make_bag([goal_type()])
    shutil.copy(folder / 'bag_0.mcap', tmp_path / 'moved.mcap')
    assert read_all(Bag(tmp_path / 'moved.mcap')) == read_all(Bag(folder))


def test_files_of_a_split_bag_are_read_in_order(make_bag, goal_type, tmp_path):
    split = tmp_path / 'split'
    split.mkdir()
    for index in (0, 1, 10, 2):
        folder = make_bag([goal_type()] * (1 + index % 3), name=f'part{index}')
        shutil.copy(folder / f'part{index}_0.mcap', split / f'split_{index}.mcap')
    with pytest.raises(BagError, match=r'its files number \[3, 4, .* 9\] are missing'):
        Bag(split)
    bag = Bag(split, readable_part=True)
    assert 'are missing' in bag.damage
    files = [file.name for file in bag._files]
    assert files == ['split_0.mcap', 'split_1.mcap', 'split_2.mcap', 'split_10.mcap']
    (split / 'split_10.mcap').rename(split / 'split_3.mcap')
    assert Bag(split).damage is None


def test_thinned_topics_yield_every_nth_message(make_bag, goal_type):
    bag = Bag(make_bag([goal_type()] * 2))
    every = [m.data.first_tick for m in bag.messages([TIMING])]
    third = [m.data.first_tick for m in bag.messages([TIMING], {TIMING: 3})]
    assert third == every[::3]
    events = '/perl_controller/reach_events'
    both = [m.topic for m in bag.messages([TIMING, events], {TIMING: 3})]
    assert (both.count(TIMING), both.count(events)) == (len(third), 4)


def test_unfinished_file_is_read_to_its_last_flush(make_bag, goal_type):
    whole = read_all(Bag(make_bag([goal_type()] * 2, name='whole')))
    folder = make_bag([goal_type()] * 2, name='killed', close=False)
    with pytest.raises(BagError, match='truncated or damaged'):
        Bag(folder)
    bag = Bag(folder, readable_part=True)
    assert read_all(bag) == whole
    assert f'first {len(whole)} messages' in bag.damage
    assert bag.metadata['perl_software'] == {'git_hash': 'f00d'}


@settings(max_examples=40, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_cut_anywhere_the_readable_part_is_a_prefix(data, make_bag, goal_type, tmp_path):
    folder = tmp_path / 'bag'
    if not folder.exists():
        make_bag([goal_type(approach_s=0.2)] * 3)
    whole = (folder / 'bag_0.mcap').read_bytes()
    messages = read_all(Bag(folder), [TIMING])
    cut = tmp_path / 'cut.mcap'
    cut.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    bag = Bag(cut, readable_part=True)
    count = bag.topics[TIMING].messages if TIMING in bag.topics else 0
    assert (read_all(bag, [TIMING]) if count else []) == messages[:count]
    assert bag.damage
    with pytest.raises(BagError, match='can be read'):
        Bag(cut)


def test_flipped_byte_is_found(make_bag, goal_type):
    folder = make_bag([goal_type()] * 3)
    file = folder / 'bag_0.mcap'
    content = bytearray(file.read_bytes())
    # In the messages of a chunk: a byte of its index would be found, and nothing lost.
    content[content.index(ZSTD_FRAME) + 100] ^= 0xFF
    file.write_bytes(content)
    with pytest.raises(BagError, match='truncated or damaged'):
        read_all(Bag(folder))
    bag = Bag(folder, readable_part=True)
    assert len(read_all(bag)) < bag.message_count
    assert bag.damage


@settings(max_examples=60, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_changed_byte_changes_a_message_or_hides_one(data, make_bag, goal_type, tmp_path):
    folder = tmp_path / 'bag'
    if not folder.exists():
        make_bag([goal_type(approach_s=0.2)] * 3)
    content = bytearray((folder / 'bag_0.mcap').read_bytes())
    end_of_data = content.rindex(b'serialized_metadata')
    place = data.draw(st.integers(8, end_of_data))
    content[place] ^= data.draw(st.integers(1, 255))
    changed = tmp_path / 'changed.mcap'
    changed.write_bytes(content)

    def lateness(bag):
        return [m.data.lateness_us.tobytes() for m in bag.messages([TIMING])]

    truth = lateness(Bag(folder))
    bag = Bag(changed, readable_part=True)
    read = lateness(bag)
    assert [entry for entry in truth if entry in read] == read
    assert bag.damage
    with pytest.raises(BagError, match='truncated or damaged'):
        lateness(Bag(changed))


def test_empty_file(tmp_path):
    (tmp_path / 'bag_0.mcap').write_bytes(b'')
    with pytest.raises(BagError, match='first 0 messages'):
        Bag(tmp_path)


@pytest.mark.parametrize(('prepare', 'text'), [
    (lambda path: None, 'there is no bag at'),
    (lambda path: path.write_text('x'), 'is not a bag'),
    (lambda path: path.mkdir(), 'it holds nothing'),
    (lambda path: (path.mkdir(), (path / 'bag_0.db3').touch()), 'ros2 bag convert'),
])
def test_what_is_no_bag_is_named(tmp_path, prepare, text):
    prepare(tmp_path / 'thing')
    with pytest.raises(BagError, match=text):
        Bag(tmp_path / 'thing')


def test_unknown_topic_is_named(make_bag):
    with pytest.raises(BagError, match=r"has no topics \['/nothing'\]; it has"):
        next(Bag(make_bag()).messages(['/nothing']))


@pytest.mark.parametrize(('wanted', 'text'), [
    ({'/other': ('a/msg/B', ())}, r"lacks the topics \['/other'\]"),
    ({TIMING: ('a/msg/B', ())}, 'expected a/msg/B'),
    ({TIMING: ('perl_msgs/msg/LoopTiming', ['jitter_us'])}, r"lacks \['jitter_us'\]"),
])
def test_another_stack_is_named(make_bag, wanted, text):
    with pytest.raises(BagError, match=text):
        Bag(make_bag()).require(wanted, Objections())


def test_message_that_does_not_fit_its_definition_is_named(start_run):
    run = start_run()
    run.writer.write(TIMING, b'\x00\x01\x00\x00\x01', run.now_ns, run.now_ns)
    with pytest.raises(BagError, match='does not fit the definition of perl_msgs/msg/LoopTiming'):
        read_all(Bag(run.close()))


def test_memory_does_not_grow_with_the_bag(start_run):
    def peak(chunks):
        run = start_run(f'bag{chunks}')
        for _ in range(chunks):
            for _ in range(50):
                run.timing(run.rng.random(100))
                run.now_ns += 1000
            run.writer.flush()
        bag = Bag(run.close())
        tracemalloc.start()
        for _ in bag.messages([TIMING]):
            pass
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    assert peak(60) < 2 * peak(4)


def test_reading_needs_no_ros(make_bag, goal_type):
    folder = make_bag([goal_type()])
    code = (
        'import sys\n'
        'for name in ("rclpy", "perl_msgs", "ament_index_python", "torch"): '
        'sys.modules[name] = None\n'
        'import perl_replay.__main__\n'
        'from perl_replay.evaluation import evaluate_bag\n'
        f'assert evaluate_bag({str(folder)!r}).summary.reached == 1\n'
    )
    subprocess.run([sys.executable, '-c', code], check=True, timeout=60)
