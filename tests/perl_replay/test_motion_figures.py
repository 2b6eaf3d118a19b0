"""Symmetry, prediction, smoothness, delay and stops of made-up motions with known answers."""

from types import SimpleNamespace

import numpy as np
from perl_core.action import Command, joint_velocity_target, plan_segment
from perl_core.bundle.runtime import BatchOutput
from perl_core.contract import OBSERVATION_SIZE, Contract
from perl_core.kinematics import Kinematics, Pose
from perl_core.observation import build_observation
from perl_replay.episodes import PolicyAnswers
from perl_replay.latency import Latency
from perl_replay.prediction import Predictions
from perl_replay.smoothness import smoothness
from perl_replay.stops import StopCollector
from perl_replay.symmetry_score import SymmetryScore
from perl_replay.turns import group_elements
import pytest

CONTRACT, KINEMATICS = Contract(), Kinematics()
HOME = np.array(CONTRACT.home_rad)


class ToyPolicy:
    """An equivariant branch, a standard branch that is off by a constant, a gate by height."""

    contract = CONTRACT

    def act_batch(self, seen):
        gate = (seen[:, 2] > 0.0).astype(np.float32)
        action = np.concatenate((seen[:, 3:6], seen[:, 12:15]), axis=1)
        return BatchOutput(gate, action, action + np.float32(0.1))


def episode(observation, action=None, shadow=None, tick=None):
    count = len(observation)
    return SimpleNamespace(
        observation=observation.astype(np.float32),
        policy=PolicyAnswers(
            np.zeros((count, 6)) if action is None else action,
            np.zeros(count), np.zeros(count),
            np.zeros(count, dtype=bool) if shadow is None else shadow,
            20 * np.arange(count) if tick is None else tick,
        ),
    )


def test_group_elements_are_rotations_of_the_group():
    for group in ('SO3', 'SO2'):
        for element in group_elements(group):
            np.testing.assert_allclose(element @ element.T, np.eye(3), atol=1e-12)
            assert np.linalg.det(element) == pytest.approx(1.0)
            assert np.abs(element - np.eye(3)).max() > 0.1
            if group == 'SO2':
                np.testing.assert_allclose(element[2], (0, 0, 1))


def test_symmetry_errors_are_those_of_gate_and_branch():
    score = SymmetryScore(ToyPolicy())
    seen = np.random.default_rng(0).normal(size=(50, OBSERVATION_SIZE)).astype(np.float32)
    figures = judged(score, episode(seen, shadow=np.arange(50) >= 40))
    assert figures.observations == 40 * 4
    assert figures.equivariant_error_max < 1e-5
    # |c - g c| of the constant c = 0.1 in every entry, over the four elements.
    constant = np.full(3, 0.1)
    apart = [2**0.5 * np.linalg.norm(constant - g @ constant) for g in group_elements('SO3')]
    assert figures.standard_error_mean == pytest.approx(np.mean(apart), rel=1e-4)
    assert figures.branch_flips > 0.1
    assert figures.gate_error_mean == pytest.approx(figures.branch_flips)
    assert figures.gate_error_max == 1.0
    assert score.figures() == figures


def test_nothing_asked_is_nan():
    score = SymmetryScore(ToyPolicy())
    assert np.isnan(score.figures().policy_error_max)
    assert np.isnan(Predictions(KINEMATICS, CONTRACT).figures().joint_error_mean_m)


def judged(collector, record):
    return collector.add(collector.errors(record))


def motion(action, periods=6):
    """Return observations of an arm that follows its commands at once."""
    command, goal, rows = Command(HOME.copy(), np.zeros(6)), Pose(np.zeros(3), np.eye(3)), []
    for _ in range(periods):
        rows.append(build_observation(*command[:2], goal, KINEMATICS, CONTRACT))
        target = joint_velocity_target(action, command, KINEMATICS, CONTRACT)
        command = plan_segment(target, command, CONTRACT).last
    return np.array(rows), np.tile(action, (periods, 1))


def test_a_perfect_arm_is_predicted_well_and_a_stuck_one_is_not():
    seen, actions = motion(np.array((0.2, 0.0, 0.0, 0.0, 0.0, 0.1)))
    good = judged(Predictions(KINEMATICS, CONTRACT), episode(seen, actions))
    assert good.steps == 5
    assert good.joint_error_max_m < 2e-3
    assert good.joint_error_mean_rad < 5e-3
    stuck = judged(Predictions(KINEMATICS, CONTRACT), episode(seen[[0] * 6], actions))
    assert stuck.joint_error_mean_m > 1.4 * good.joint_error_mean_m
    assert stuck.tool_error_mean_m > 1e-3


def test_predictors_disagree_where_a_joint_limit_breaks_the_symmetry():
    action = np.array((0.0, 0.0, 0.0, 0.0, 0.0, -0.3))
    rates = joint_velocity_target(action, Command(HOME, np.zeros(6)), KINEMATICS, CONTRACT)
    assert rates[5] > 0.2
    apart = []
    for wrist_3_rad in (0.0, CONTRACT.joint_upper_rad[5]):
        joints = np.where(np.arange(6) == 5, wrist_3_rad, HOME)
        goal = Pose(np.zeros(3), np.eye(3))
        seen = np.tile(build_observation(joints, rates, goal, KINEMATICS, CONTRACT), (2, 1))
        figures = judged(Predictions(KINEMATICS, CONTRACT), episode(seen, np.tile(action, (2, 1))))
        apart.append(figures.disagreement_mean_rad)
    assert apart[1] > 3.0 * apart[0]


def test_steps_across_a_gap_or_of_a_shadow_do_not_count():
    seen, actions = motion(np.zeros(6))
    tick = np.array([0, 20, 60, 80, 100, 120])
    shadow = np.array([False, False, False, True, False, False])
    figures = judged(Predictions(KINEMATICS, CONTRACT), episode(seen, actions, shadow, tick))
    assert figures.steps == 3


def test_jerk_by_hand():
    time_s = 0.04 * np.arange(100)
    seen = np.zeros((100, OBSERVATION_SIZE))
    seen[:, 6] = 3.0 * time_s**2
    figures = smoothness(seen, (time_s * 1e9).astype(np.int64), 0.04)
    assert figures.jerk_rms_m_s3 == pytest.approx(6.0, rel=1e-6)
    duration_s, peak = 98 * 0.04, 3.0 * time_s[-1] ** 2
    assert figures.log_dimensionless_jerk == pytest.approx(
        -np.log(36.0 * duration_s * duration_s**3 / peak**2)
    )
    assert np.isnan(smoothness(seen[:2], np.arange(2), 0.04).jerk_rms_m_s3)


@pytest.mark.parametrize('delay_s', [0.02, 0.034, 0.09])
def test_the_delay_of_a_motion_is_found(delay_s):
    latency = Latency(0.04)

    def speed(time_s):
        return np.array([np.sin(5.0 * time_s), np.cos(3.0 * time_s), 0, 0, 0, 0])

    def position(time_s):
        return np.array([-np.cos(5.0 * time_s) / 5, np.sin(3.0 * time_s) / 3, 0, 0, 0, 0])

    latency.begin_goal()
    for period in range(100):
        sent = SimpleNamespace(sent_rad=position(0.04 * period))
        latency.add_command(sent, 40_000_000 * period)
    for sample in range(200):
        joints = SimpleNamespace(velocity=speed(0.02 * sample - delay_s))
        latency.add_joints(joints, 20_000_000 * sample)
    figures = latency.end_goal()
    assert figures.latency_s == pytest.approx(delay_s, abs=0.003)
    assert figures.correlation > 0.99
    assert latency.figures() == figures


def test_an_arm_that_stands_still_has_no_delay():
    latency = Latency(0.04)
    latency.begin_goal()
    for period in range(10):
        latency.add_command(SimpleNamespace(sent_rad=np.zeros(6)), 40_000_000 * period)
        latency.add_joints(SimpleNamespace(velocity=np.zeros(6)), 40_000_000 * period)
    assert np.isnan(latency.figures().latency_s)


def test_time_to_rest_and_drift_after_a_stop():
    stops = StopCollector(0)
    speeds = [1.0, 1.0, 0.5, 0.1, 0.0, 0.0, 0.0]
    positions = [0.0, 0.02, 0.03, 0.035, 0.036, 0.036, 0.040]
    for sample, (speed, position) in enumerate(zip(speeds, positions, strict=True)):
        if sample == 1:
            stops.begin('monitor', ('tool_speed',), 20_000_000)
        stops.add_joints(SimpleNamespace(
            velocity=np.full(6, speed), position=np.full(6, position)
        ), 20_000_000 * sample)
    stops.begin('filter', ('consequence',), 130_000_000)
    (stop,) = stops.figures()
    assert (stop.source, stop.reasons, stop.time_s) == ('monitor', ('tool_speed',), 0.02)
    assert stop.time_to_rest_s == pytest.approx(0.06)
    assert stop.drift_rad == pytest.approx(0.004)


def test_an_arm_that_never_rests_has_no_time_to_rest():
    stops = StopCollector(0)
    stops.begin('filter', (), 0)
    stops.add_joints(SimpleNamespace(velocity=np.ones(6), position=np.ones(6)), 10)
    assert np.isnan(stops.figures()[0].time_to_rest_s)
