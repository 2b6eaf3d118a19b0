"""The last seconds of a control loop, judged like any recording."""

import numpy as np
from perl_control.states import State
from perl_control.telemetry import RECORD
from perl_core.black_box import BlackBox, BlackBoxHeader, write_black_box
from perl_core.contract import Contract
from perl_core.errors import BagError
from perl_replay.bag import Bag
from perl_replay.black_box import as_bag, write_bag
from perl_replay.evaluation import evaluate_bag
from perl_replay.needed import NEEDED
import pytest

CONTRACT = Contract()
OFFSET_NS = 1_800_000_000_000_000_000


def signals(ticks=1000, stop_at=900):
    """Return a standing arm with two goals; the second one is ended by a stop."""
    records = np.zeros(ticks, dtype=RECORD)
    records['tick'] = np.arange(7, 7 + ticks)
    records['deadline_ns'] = 2_000_000 * np.arange(ticks)
    records['measured_rad'] = records['sent_rad'] = records['asked_rad'] = CONTRACT.home_rad
    records['goal_rotation'] = np.eye(3)
    records['goal_sequence'] = 1 + (np.arange(ticks) >= 500)
    records['goal_id'][:, 0] = records['goal_sequence']
    records['policy_ran'] = np.isin(np.arange(ticks), np.r_[0:400:20, 500:stop_at:20])
    records['state'], records['robot_mode'], records['safety_mode'] = State.MOVING, 7, 1
    records['safety_status_bits'], records['runtime_state'] = 1, 2
    records['speed_scale'] = records['speed_scaling'] = 1.0
    records['state'][stop_at:], records['severity'][stop_at:] = State.FAULT, 2
    records['reasons'][stop_at:], records['stops'][stop_at:] = b'tool_speed; velocity', 1
    return {name: records[name] for name in RECORD.names}


def box(**changes):
    header = BlackBoxHeader(
        cause='tool_speed', robot_ip='127.0.0.5', bundle='/nowhere', bundle_sha256='ab' * 32,
        calibration_sha256='cd' * 32, limits='filter:', limits_sha256='ef' * 32,
        contract=CONTRACT.to_dict(), unix_offset_ns=OFFSET_NS,
    )
    return BlackBox(header=header, signals={**signals(), **changes})


@pytest.fixture
def file(tmp_path):
    write_black_box(tmp_path / 'box.npz', box())
    return tmp_path / 'box.npz'


def test_a_black_box_is_evaluated_like_a_bag(file):
    folder = as_bag(file)
    assert as_bag(file) == folder, 'written once'
    assert as_bag(folder) == folder
    assert set(NEEDED) <= set(Bag(folder).topics)
    evaluation = evaluate_bag(folder)
    first, second = evaluation.goals
    assert (first.outcome, second.outcome) == ('UNFINISHED', 'STOPPED')
    assert evaluation.timing.ticks == 1000
    assert evaluation.robot_ip == '127.0.0.5'
    assert evaluation.bundle_sha256 == 'ab' * 32
    assert not evaluation.ok
    assert any('tool_speed' in problem for problem in evaluation.problems)


def test_every_tick_and_decision_is_in_the_bag_at_its_time(file):
    bag = Bag(as_bag(file))
    messages = {topic: [] for topic in bag.topics}
    for message in bag.messages(list(bag.topics)):
        messages[message.topic].append(message)
    assert len(messages['/joint_states']) == 1000
    assert len(messages['/perl_controller/policy_state']) == 40
    timing = messages['/perl_controller/loop_timing']
    assert sum(len(part.data.lateness_us) for part in timing) == 1000
    states = messages['/joint_states']
    assert states[0].received_ns == OFFSET_NS
    assert states[-1].received_ns == OFFSET_NS + 999 * 2_000_000
    np.testing.assert_array_equal(states[-1].data.position, CONTRACT.home_rad)


def test_a_black_box_of_another_version_leaves_no_half_bag(tmp_path):
    broken = box()
    without = BlackBox(
        header=broken.header,
        signals={name: v for name, v in broken.signals.items() if name != 'sent_rad'},
    )
    with pytest.raises(BagError, match="lacks the signal 'sent_rad'"):
        write_bag(without, tmp_path / 'bag')
    assert list(tmp_path.iterdir()) == []
