"""A recorded run is given back to the real processes, which say again what they had said."""

import json
from pathlib import Path
import subprocess
import sys

from perl_replay.bag import Bag
from perl_replay.bag_copy import Cut, copy_bag
import pytest

ADDRESS = '127.0.0.64'
REACH = Path(__file__).parents[1] / 'bags' / 'reach'


def play(*words):
    return subprocess.run(
        [sys.executable, '-m', 'perl_bringup.play', *map(str, words), '--address', ADDRESS],
        capture_output=True, text=True, timeout=120, check=False,
    )


@pytest.mark.alone
def test_the_nodes_say_again_what_they_had_said(tmp_path):
    copy_bag(REACH, tmp_path / 'one_goal', Cut(end_s=2.3))
    done = play(tmp_path / 'one_goal', '--record', tmp_path / 'again', '--rate', '2')
    figures = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 0, (figures['problems'], done.stderr)
    assert figures['rate'] == 2.0
    first = figures['goals'][0]
    assert (first['recorded_outcome'], first['repeated_outcome']) == ('REACHED', 'REACHED')
    assert first['states'] > 10
    assert figures['exact'] == figures['states'] >= first['states']
    again = Bag(tmp_path / 'again')
    assert again.metadata['perl_robot']['robot_ip'] == ADDRESS
    # Nobody moved the arm but the recording: where it ends, the repetition does.
    ends = [
        list(bag.messages(['/joint_states']))[-1].data.position.tolist()
        for bag in (Bag(tmp_path / 'one_goal'), again)
    ]
    assert ends[1] == pytest.approx(ends[0], abs=0.02)
    assert all(m.data.shadow for m in again.messages(['/perl_controller/policy_state']))


def test_what_cannot_be_given_back_is_one_sentence(tmp_path):
    done = play(tmp_path / 'nothing')
    assert done.returncode == 2
    assert done.stderr.startswith('play: there is no bag at')
