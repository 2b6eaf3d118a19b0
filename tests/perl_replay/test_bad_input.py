"""Bags that are not as they should be: one sentence and exit code 2, and --partial."""

import json
from pathlib import Path
import sys

import numpy as np
from perl_core.errors import BagError, BundleError, ContractError, SafetyConfigError
from perl_replay.bag_writer import BagWriter
from perl_replay.definitions import Definition
from perl_replay.evaluation import EvaluationOptions, evaluate_bag
import pytest

BAGS = Path(__file__).parents[1] / 'bags'
PARTIAL = EvaluationOptions(partial=True)


def refused(folder, match):
    """Expect a refusal, then return what --partial makes of the same bag."""
    with pytest.raises(BagError, match=match) as caught:
        evaluate_bag(folder)
    assert '\n' not in str(caught.value)
    return evaluate_bag(folder, PARTIAL)


def test_truncated_bag(tmp_path):
    whole = (BAGS / 'reach' / 'reach_0.mcap').read_bytes()
    file = tmp_path / 'cut.mcap'
    file.write_bytes(whole[: len(whole) * 2 // 3])
    part = refused(file, 'truncated or damaged')
    assert part.summary.reached >= 1
    assert part.policy_replay.exact == part.policy_replay.states > 0
    assert not part.ok


def test_missing_topic(start_run, goal_type):
    run = start_run(without=('/joint_states', '/perl_controller/command'))
    run.controller(3)
    run.pursue(goal_type())
    part = refused(run.close(), r"lacks the topics \['/joint_states', '/perl_controller/comm")
    assert part.summary.reached == 1
    assert part.filter_replay.commands == 0
    assert 'lacks the topics' in part.objections[0]


def test_unknown_message_type(start_run, goal_type):
    run = start_run(without=('/perl_controller/loop_timing',))
    text = Definition(type='other_msgs/msg/Timing', text='float64 late\n', type_hash='')
    run.writer.add_topic('/perl_controller/loop_timing', text)
    run.event([1] * 16, 255)
    run.event([1] * 16, 0, duration_s=0.1)
    part = refused(run.close(), 'is of type other_msgs/msg/Timing, expected perl_msgs/msg/Loop')
    assert part.summary.reached == 1


def test_a_definition_that_cannot_be_understood(start_run):
    run = start_run(without=('/perl_controller/loop_timing',))
    text = Definition(type='perl_msgs/msg/LoopTiming', text='float64[ x', type_hash='')
    run.writer.add_topic('/perl_controller/loop_timing', text)
    run.event([1] * 16, 255)
    part = refused(run.close(), 'definition of perl_msgs/msg/LoopTiming cannot be understood')
    assert len(part.goals) == 1


def test_wrong_contract(start_run, monkeypatch):
    run = start_run()
    run.event([1] * 16, 255)
    with monkeypatch.context() as changed:
        changed.setattr(sys.modules[type(run).__module__], 'OBSERVATION_SIZE', 40)
        run.policy([1] * 16, 0.1, 0.1, 0, 0.5)
    run.event([1] * 16, 0, duration_s=0.1)
    part = refused(run.close(), 'recorded for another contract')
    assert (part.summary.goals, part.goals[0].policy_periods) == (1, 0)


@pytest.mark.parametrize('back_s', [0.5, 100.0])
def test_clock_going_backwards(start_run, goal_type, back_s):
    run = start_run()
    run.controller(3)
    run.pursue(goal_type())
    run.now_ns -= round(back_s * 1e9)
    run.pursue(goal_type())
    part = refused(run.close(), 'clock went backwards in the bag: on /perl')
    assert part.summary.goals == 2


def test_not_a_number(start_run, goal_type):
    run = start_run()
    run.controller(3)
    run.pursue(goal_type())
    run.policy([9] * 16, np.nan, 0.1, 0, 0.5)
    part = refused(run.close(), 'policy state that is not finite')
    assert part.summary.reached == 1
    json.dumps(part.to_dict(), allow_nan=False)


def test_a_gate_that_is_not_a_number(start_run):
    run = start_run()
    run.policy([9] * 16, 0.1, 0.1, 0, np.nan)
    refused(run.close(), 'policy state that is not finite')


def test_joints_of_another_robot(start_run, goal_type):
    from sensor_msgs.msg import JointState

    run = start_run()
    run.controller(3)
    run.pursue(goal_type())
    run.put('/joint_states', JointState(
        position=[0.0] * 7, velocity=[0.0] * 7, effort=[0.0] * 7
    ))
    part = refused(run.close(), 'joint states of another robot: 7 positions')
    assert part.summary.reached == 1


def test_two_robots(start_run, goal_type):
    run = start_run()
    run.controller(3)
    run.pursue(goal_type())
    run.controller(3, robot_ip='127.0.0.8')
    part = refused(run.close(), 'holds two robots, 127.0.0.7 and 127.0.0.8')
    assert part.summary.reached == 1


def test_two_policies(start_run):
    run = start_run()
    run.controller(3)
    run.controller(3, bundle_sha256='ef01')
    refused(run.close(), 'holds two policies, abcd and ef01')


def test_empty_bag_and_no_bag_even_in_part(start_run, tmp_path):
    empty = start_run().close()
    for options in (None, PARTIAL):
        with pytest.raises(BagError, match='holds no messages'):
            evaluate_bag(empty, options)
        with pytest.raises(BagError, match='there is no bag'):
            evaluate_bag(tmp_path / 'none', options)


def test_a_bag_of_another_stack_even_in_part(tmp_path):
    writer = BagWriter(tmp_path / 'bag')
    writer.add_topic('/chatter', Definition(type='a/msg/B', text='int32 x\n', type_hash=''))
    writer.write('/chatter', bytes(8), 1, 1)
    writer.close()
    with pytest.raises(BagError, match='was not recorded with this stack'):
        evaluate_bag(tmp_path / 'bag', PARTIAL)


def test_what_is_compared_with_must_be_there(tmp_path):
    for options, error in (
        (EvaluationOptions(bundle=tmp_path), BundleError),
        (EvaluationOptions(limits=tmp_path / 'none.yaml'), SafetyConfigError),
    ):
        with pytest.raises(error):
            evaluate_bag(BAGS / 'stop', options)


def test_a_policy_for_another_contract_is_refused(monkeypatch):
    import dataclasses

    from perl_core.bundle.runtime import Policy
    from perl_replay import policy_replay

    policy = Policy.load(Path(__file__).parents[2] / 'policies' / 'ur5e_reach')
    other = dataclasses.replace(policy.contract, max_tool_speed_m_s=0.9)
    with pytest.raises(ContractError, match='max_tool_speed_m_s'):
        policy_replay.require_comparable(policy, other, 'here')
    same = dataclasses.replace(policy.contract, group='SO2')
    policy_replay.require_comparable(policy, same, 'here')


def test_the_command_says_it_in_one_line_and_exits_2(start_run, goal_type, run_here):
    run = start_run()
    run.controller(3)
    run.pursue(goal_type())
    run.controller(3, robot_ip='127.0.0.8')
    folder = run.close()
    result = run_here('evaluate', folder)
    assert (result.returncode, result.stdout, result.stderr.count('\n')) == (2, '', 1)
    assert 'two robots' in result.stderr
    result = run_here('evaluate', '--partial', folder.with_name('none'), BAGS / 'stop', folder)
    assert result.returncode == 2
    assert [line.split()[-1] for line in result.stderr.splitlines()] == [
        str(folder.with_name('none')), 'both.'
    ]
    assert json.loads(result.stdout.splitlines()[-1])['success']['count'] == 2
