"""Copies of bags, and memory that does not grow with their length."""

import gc
from pathlib import Path
import tracemalloc

from perl_replay.bag import Bag
from perl_replay.bag_copy import Cut, copy_bag
from perl_replay.evaluation import evaluate_bag
import pytest

BAGS = Path(__file__).parents[1] / 'bags'


def test_a_copy_says_the_same(tmp_path):
    copy_bag(BAGS / 'stop', tmp_path / 'copy', Cut())
    source, copy = evaluate_bag(BAGS / 'stop').to_dict(), evaluate_bag(tmp_path / 'copy').to_dict()
    assert source.pop('bag') != copy.pop('bag')
    assert source == copy


def test_a_part_has_the_messages_of_its_time(tmp_path):
    copy_bag(BAGS / 'reach', tmp_path / 'part', Cut(begin_s=2.0, end_s=3.0, without=('/rosout',)))
    part = Bag(tmp_path / 'part')
    assert 0.9 < (part.end_ns - part.start_ns) / 1e9 <= 1.0
    assert part.topics['/joint_states'].messages == pytest.approx(100, abs=15)
    assert part.metadata['perl_robot'] == Bag(BAGS / 'reach').metadata['perl_robot']


def test_repeated_bags_are_evaluated_like_one_and_need_no_more_memory(tmp_path):
    peaks, reached = [], []
    for times in (2, 8):
        copy_bag(BAGS / 'reach', tmp_path / f'long{times}', Cut(times=times))
        gc.collect()
        tracemalloc.start()
        evaluation = evaluate_bag(tmp_path / f'long{times}')
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        reached.append(evaluation.summary.reached)
        assert evaluation.ok
        assert evaluation.policy_replay.exact == evaluation.policy_replay.states
    assert reached == [6, 24]
    assert peaks[1] < 1.25 * peaks[0]
