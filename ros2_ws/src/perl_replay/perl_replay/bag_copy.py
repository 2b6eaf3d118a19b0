"""Copies parts of bags, once or many times over: for small test recordings and long benches."""

from collections.abc import Iterator
import dataclasses
from pathlib import Path
import struct

from perl_replay.bag import Bag
from perl_replay.bag_writer import BagSize, BagWriter
from perl_replay.topics import JOINT_STATES, STACK_TOPICS

_STAMP = struct.Struct('<iI')
"""Seconds and nanoseconds of a std_msgs/Header that begins a message, after CDR's four bytes."""
_SECOND_NS = 1_000_000_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cut:
    """What is copied."""

    begin_s: float = 0.0
    """From here, after the start of the bag."""
    end_s: float = float('inf')
    """To here."""
    without: tuple[str, ...] = ()
    """Topics that are left out."""
    times: int = 1
    """How often, one after the other; stamps of headers move along."""
    joint_state_repeats: int = 1
    """How often each joint state, evenly until the next: stands in for a higher rate."""


def copy_bag(source: Path, folder: Path, cut: Cut) -> BagSize:
    """Write a new bag from the messages of this stack's topics in another.

    Raises:
        BagError: the source cannot be read, or the folder exists.
    """
    bag = Bag(source)
    latched = {topic.name: topic.latched for topic in STACK_TOPICS}
    names = [name for name in bag.topics if name in latched and name not in cut.without]
    writer = BagWriter(folder, ros_distro='')
    for name, values in bag.metadata.items():
        if name != 'rosbag2':
            writer.add_metadata(name, values)
    for name in names:
        writer.add_topic(name, bag.definition(name), latched[name])
    flushed_ns = bag.start_ns
    for name, data, received_ns in _cut(bag, names, cut):
        writer.write(name, data, received_ns, received_ns)
        # In chunks as the recorder writes them.
        if received_ns - flushed_ns > _SECOND_NS:
            writer.flush()
            flushed_ns = received_ns
    return writer.close()


def _cut(bag: Bag, names: list[str], cut: Cut) -> Iterator[tuple[str, bytes, int]]:
    """Yield topic, data and time of receipt of what is written."""
    stamped = {name for name in names if bag.has_header(name)}
    first_ns = bag.start_ns + round(cut.begin_s * 1e9)
    last_ns = min(bag.end_ns, bag.start_ns + round(min(cut.end_s, 1e6) * 1e9))
    later_ns = {JOINT_STATES: _repeats_ns(bag, cut)}
    for turn in range(cut.times):
        turn_ns = turn * (last_ns - first_ns + _SECOND_NS)
        for name, received_ns, data in bag.raw_messages(names):
            if not first_ns <= received_ns <= last_ns:
                continue
            for repeat_ns in later_ns.get(name, (0,)):
                shift_ns = turn_ns + repeat_ns
                moved = _moved(data, shift_ns) if name in stamped and shift_ns else data
                yield name, moved, received_ns + shift_ns


def _repeats_ns(bag: Bag, cut: Cut) -> tuple[int, ...]:
    """Return by how much each repetition of a joint state is later than it."""
    if cut.joint_state_repeats == 1 or JOINT_STATES not in bag.topics:
        return (0,)
    count = bag.topics[JOINT_STATES].messages * cut.joint_state_repeats
    step_ns = (bag.end_ns - bag.start_ns) // max(count, 1)
    return tuple(repeat * step_ns for repeat in range(cut.joint_state_repeats))


def _moved(data: bytes, shift_ns: int) -> bytes:
    """Return a message whose header is stamped later."""
    seconds, nanoseconds = _STAMP.unpack_from(data, 4)
    stamp = divmod(seconds * _SECOND_NS + nanoseconds + shift_ns, _SECOND_NS)
    return data[:4] + _STAMP.pack(*stamp) + data[4 + _STAMP.size :]
