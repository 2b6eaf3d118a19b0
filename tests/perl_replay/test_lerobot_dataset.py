"""From a bag to LeRobot's dataset format, and back to the same numbers.

In the environment that has LeRobot there is no ROS, so no conftest.py: docs/replay.md.
"""

import importlib.util
import json
from pathlib import Path
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
from perl_core.contract import Contract
from perl_core.errors import BagError, ConfigError
from perl_replay import lerobot_dataset
from perl_replay.episodes import Outcome, PolicyAnswers
from perl_replay.followed import FollowedGoal, read_followed
from perl_replay.lerobot_dataset import CONTRACT_FILE, export_dataset
import pytest

BAGS = Path(__file__).parents[1] / 'bags'
CONTRACT = Contract()
MISSING = importlib.util.find_spec('lerobot') is None
with_lerobot = pytest.mark.skipif(
    MISSING, reason="needs the extra 'lerobot', in an environment of its own (docs/replay.md)"
)


class Written:
    """Stands in for LeRobotDataset where it is not installed."""

    def __init__(self):
        self.options, self.episodes, self.frames, self.finalized = {}, [], [], False

    def create(self, **options):
        self.options = options
        (options['root'] / 'meta').mkdir(parents=True)
        return self

    def add_frame(self, frame):
        self.frames.append(frame)

    def save_episode(self):
        self.episodes.append(self.frames)
        self.frames = []

    def finalize(self):
        self.finalized = True


@pytest.fixture
def written(monkeypatch):
    stand_in = Written()
    monkeypatch.setattr(lerobot_dataset, '_dataset_type', lambda: stand_in)
    return stand_in


@pytest.fixture
def goal():
    """Eight periods of a goal that was reached; the arm followed all but the fourth."""
    policy = PolicyAnswers(
        np.zeros((9, 6), np.float32), np.zeros(9), np.zeros(9), np.zeros(9, dtype=bool),
        20 * np.arange(9),
    )
    return FollowedGoal(
        episode=SimpleNamespace(
            policy=policy, observation=np.arange(9 * 39, dtype=np.float32).reshape(9, 39),
            target=(), ended_ns=1, outcome=Outcome.REACHED,
        ),
        rows=np.array([0, 1, 2, 4, 5, 6, 7]), limited=1,
    )  # fmt: skip


@with_lerobot
def test_a_round_trip_keeps_every_number(tmp_path, monkeypatch):
    monkeypatch.setenv('HF_HUB_OFFLINE', '1')
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    goals = [goal for goal in read_followed([BAGS / 'reach'], CONTRACT) if len(goal.rows)]
    figures = export_dataset([BAGS / 'reach'], tmp_path / 'reach', CONTRACT)
    dataset = LeRobotDataset('local/reach', root=tmp_path / 'reach')
    assert figures.goals == figures.episodes == len(goals) == dataset.num_episodes
    assert figures.frames == len(dataset) == sum(len(goal.rows) for goal in goals)
    assert dataset.meta.fps == 25
    assert str(dataset.meta.info['codebase_version']).startswith('v3')
    assert dataset.features['observation.state']['names'][0] == (
        'tool_position_from_centre_base_m_0'
    )
    start = 0
    for number, goal in enumerate(goals):
        frames = [dataset[start + index] for index in range(len(goal.rows))]
        start += len(frames)
        assert {int(frame['episode_index']) for frame in frames} == {number}
        assert {frame['task'] for frame in frames} == {
            lerobot_dataset._task(goal.episode.target)
        }
        np.testing.assert_array_equal(
            np.stack([frame['observation.state'] for frame in frames]),
            goal.episode.observation[goal.rows],
        )
        np.testing.assert_array_equal(
            np.stack([frame['action'] for frame in frames]), goal.episode.policy.action[goal.rows]
        )
        np.testing.assert_allclose(
            [float(frame['timestamp']) for frame in frames], np.arange(len(frames)) / 25.0,
            rtol=1e-6,
        )  # fmt: skip
        done = [bool(frame['next.done']) for frame in frames]
        success = [bool(frame['next.success']) for frame in frames]
        assert done == [False] * (len(frames) - 1) + [goal.episode.ended_ns is not None]
        assert success[-1] == (goal.episode.outcome == Outcome.REACHED)
    assert json.loads((tmp_path / 'reach' / CONTRACT_FILE).read_text()) == CONTRACT.to_dict()


@with_lerobot
def test_a_goal_in_two_parts_is_read_as_two_episodes(tmp_path, monkeypatch, goal):
    monkeypatch.setenv('HF_HUB_OFFLINE', '1')
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    monkeypatch.setattr(lerobot_dataset, 'read_followed', lambda *_: [goal])
    export_dataset([], tmp_path / 'two', CONTRACT)
    dataset = LeRobotDataset('local/two', root=tmp_path / 'two')
    assert [int(frame['episode_index']) for frame in dataset] == [0] * 3 + [1] * 4
    assert [bool(frame['next.done']) for frame in dataset] == [False] * 6 + [True]


def test_steps_that_do_not_follow_each_other_are_other_episodes(
    written, tmp_path, monkeypatch, goal
):
    monkeypatch.setattr(lerobot_dataset, 'read_followed', lambda *_: [goal])
    figures = export_dataset([], tmp_path / 'out', CONTRACT)
    assert (figures.goals, figures.episodes, figures.frames, figures.limited) == (1, 2, 7, 1)
    assert [len(episode) for episode in written.episodes] == [3, 4]
    assert written.finalized
    frames = [frame for episode in written.episodes for frame in episode]
    assert [bool(frame['next.done'][0]) for frame in frames] == [False] * 6 + [True]
    assert [bool(frame['next.success'][0]) for frame in frames] == [False] * 6 + [True]
    np.testing.assert_array_equal(
        [frame['observation.state'] for frame in frames], goal.episode.observation[goal.rows]
    )


@pytest.mark.parametrize(
    ('outcome', 'ended_ns', 'done', 'success'),
    [(Outcome.REACHED, 1, True, True), (Outcome.TIMED_OUT, 1, True, False),
     (None, None, False, False)],
)  # fmt: skip
def test_the_last_step_tells_how_the_goal_ended(
    written, tmp_path, monkeypatch, goal, outcome, ended_ns, done, success
):
    goal.episode.outcome, goal.episode.ended_ns = outcome, ended_ns
    monkeypatch.setattr(lerobot_dataset, 'read_followed', lambda *_: [goal])
    export_dataset([], tmp_path / 'out', CONTRACT)
    last = written.episodes[-1][-1]
    assert (bool(last['next.done'][0]), bool(last['next.success'][0])) == (done, success)


def test_the_frames_of_a_bag_are_those_of_the_transitions(written, tmp_path):
    figures = export_dataset([BAGS / 'reach', BAGS / 'stop'], tmp_path / 'out', CONTRACT)
    # As tests/sim/test_transitions.py counts them.
    assert (figures.goals, figures.frames, figures.limited) == (4, 121, 0)
    assert written.options['fps'] == 25
    tasks = [{frame['task'] for frame in episode} for episode in written.episodes]
    assert all(len(of_one) == 1 for of_one in tasks)
    assert 'in the frame base' in next(iter(tasks[0]))


def test_a_folder_that_is_there_is_left_alone(written, tmp_path):
    with pytest.raises(ConfigError, match='a new folder'):
        export_dataset([BAGS / 'reach'], tmp_path, CONTRACT)
    assert list(tmp_path.iterdir()) == []


def test_what_breaks_off_leaves_nothing(written, tmp_path, monkeypatch):
    def full():
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(written, 'finalize', full)
    with pytest.raises(OSError, match='No space'):
        export_dataset([BAGS / 'reach'], tmp_path / 'out', CONTRACT)
    assert list(tmp_path.iterdir()) == []


def test_a_bad_bag_leaves_nothing(written, tmp_path):
    with pytest.raises(BagError):
        export_dataset([tmp_path / 'none'], tmp_path / 'out', CONTRACT)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not MISSING, reason='the extra is installed here')
def test_without_the_extra_one_sentence_says_so(tmp_path):
    result = run_command(tmp_path / 'out')
    assert result.returncode == 2
    assert result.stdout == ''
    assert result.stderr.count('\n') == 1
    assert "needs the optional extra 'lerobot'" in result.stderr
    assert list(tmp_path.iterdir()) == []


@with_lerobot
def test_the_command(tmp_path):
    result = run_command(tmp_path / 'out')
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout.splitlines()[-1])['goals'] == 3
    assert (tmp_path / 'out' / 'meta' / 'info.json').exists()


def run_command(folder):
    return subprocess.run(
        [sys.executable, '-m', 'perl_replay', 'export', BAGS / 'reach', '--format', 'lerobot',
         '--out', folder],
        capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
