import os
from pathlib import Path
import signal
import subprocess
import sys
import textwrap
import time

from hypothesis import given
from hypothesis import strategies as st
from perl_control.mailbox import Mailbox, Mode, Orders
from perl_control.shared_memory import open_mapping
from perl_core.errors import RobotError
import pytest

NUMBER = st.floats(allow_nan=False)
ORDERS = st.builds(
    Orders,
    heartbeat_ns=st.integers(0, 2**62),
    mode=st.sampled_from(Mode),
    goal_sequence=st.integers(0, 2**63),
    goal_active=st.booleans(),
    goal_home=st.booleans(),
    goal_position_m=st.tuples(*[NUMBER] * 3),
    goal_rotation=st.tuples(*[NUMBER] * 9),
    goal_id=st.binary(min_size=16, max_size=16),
    speed_scale=NUMBER,
    reset_sequence=st.integers(0, 2**63),
)
WRITER = textwrap.dedent("""
    import itertools, sys
    from pathlib import Path
    from perl_control.mailbox import Mailbox, Orders
    box = Mailbox.open(Path(sys.argv[1]))
    print('writing', flush=True)
    for n in itertools.count(1):
        x = float(n)
        identity = n.to_bytes(16, "little")
        box.write(Orders(n, 1, n, True, bool(n % 2), (x,) * 3, (x,) * 9, identity, x, n))
""")


@pytest.fixture
def path():
    path = Path(f'/dev/shm/perl-test-{os.getpid()}-mailbox')
    yield path
    path.unlink(missing_ok=True)


def test_the_empty_mailbox_orders_standby(path):
    assert Mailbox.create(path).read() == Orders()


@given(st.lists(ORDERS, min_size=1, max_size=5))
def test_the_reader_gets_the_newest_orders(several):
    path = Path(f'/dev/shm/perl-test-{os.getpid()}-newest')
    try:
        reader, writer = Mailbox.create(path), Mailbox.open(path)
        for orders in several:
            writer.write(orders)
            assert reader.read() == orders
    finally:
        path.unlink()


def test_a_damaged_newest_slot_leaves_the_one_before(path):
    writer, reader = Mailbox.create(path), Mailbox.open(path)
    writer.write(Orders(goal_sequence=1))
    writer.write(Orders(goal_sequence=2))
    mapping = open_mapping(path, 512)
    mapping[40] ^= 1
    assert reader.read().goal_sequence == 1
    mapping[40] ^= 1
    assert reader.read().goal_sequence == 2


def test_orders_are_whole_while_writers_write_and_are_killed(path):
    reader = Mailbox.create(path)
    seen = 0
    for _ in range(3):
        writer = subprocess.Popen(
            [sys.executable, '-c', WRITER, str(path)], stdout=subprocess.PIPE
        )
        try:
            writer.stdout.readline()
            end_s = time.monotonic() + 0.4
            while time.monotonic() < end_s:
                orders = reader.read()
                number = orders.heartbeat_ns
                assert {orders.goal_sequence, orders.reset_sequence} == {number}
                if number:
                    numbers = {*orders.goal_position_m, *orders.goal_rotation}
                    assert numbers == {float(number)}
                    assert int.from_bytes(orders.goal_id, 'little') == number
                    seen += 1
        finally:
            os.kill(writer.pid, signal.SIGKILL)
            writer.communicate()
    assert seen > 100


def test_a_mailbox_that_nobody_made_is_named(path):
    with pytest.raises(RobotError, match='which the control loop creates; it is not there'):
        Mailbox.open(path)


def test_a_mailbox_of_another_version_is_refused(path):
    path.write_bytes(bytes(17))
    with pytest.raises(RobotError, match='to have 512 bytes, it has 17'):
        Mailbox.open(path)
