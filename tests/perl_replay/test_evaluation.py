"""From a bag to the figures, the report and the exit status."""

import io
import json
import os
import subprocess
import sys

from perl_core.errors import BagError
from perl_msgs.action import Reach
from perl_msgs.msg import ControllerState, Mark, ReachEvent, SafetyState
from perl_replay import episodes, safety_events
from perl_replay.evaluation import EvaluationOptions, evaluate_bag
from perl_replay.headline import headline
from perl_replay.report import print_report
import pytest


def run_command(*arguments):
    """Run the command where ROS is not set up."""
    environment = {k: v for k, v in os.environ.items() if k != 'AMENT_PREFIX_PATH'}
    return subprocess.run(
        [sys.executable, '-m', 'perl_replay', 'evaluate', *map(str, arguments)],
        capture_output=True, text=True, timeout=60, env=environment, check=False,
    )


def test_numbers_are_those_of_the_messages():
    for outcome in episodes.Outcome:
        assert reach_constants()[outcome.name] == outcome
    assert len(reach_constants()) == len(episodes.Outcome)
    assert ReachEvent.STARTED == episodes._STARTED
    assert (SafetyState.LIMIT, SafetyState.STOP) == (safety_events._LIMIT, safety_events._STOP)
    assert (
        ControllerState.DISCONNECTED, ControllerState.STANDBY, ControllerState.FAULT
    ) == (safety_events._DISCONNECTED, safety_events._STANDBY, safety_events._FAULT)


def reach_constants():
    """Return the constants of the action's goal."""
    return {
        name: getattr(Reach.Goal, name)
        for name in ('REACHED', 'TIMED_OUT', 'CANCELED', 'PREEMPTED', 'STOPPED', 'REFUSED')
    }


def test_a_good_run(make_bag, goal_type):
    evaluation = evaluate_bag(make_bag([goal_type(), goal_type(gate=0.75)]))
    assert evaluation.ok
    assert evaluation.problems == ()
    assert (evaluation.summary.goals, evaluation.summary.reached) == (2, 2)
    assert evaluation.summary.position_error_max_m == pytest.approx(0.004)
    assert evaluation.summary.time_to_reach_mean_s == pytest.approx(0.8)
    assert evaluation.summary.path_length_mean_m == pytest.approx(0.2, abs=1e-6)
    # 26 periods a goal, the first five by the standard branch
    assert evaluation.summary.standard_share == pytest.approx(5 / 26)
    assert evaluation.summary.gate_mean == pytest.approx(0.5)
    assert evaluation.timing.ticks == 2 * 26 * 20
    assert evaluation.timing.inference.count == 2 * 26
    assert (evaluation.robot_ip, evaluation.bundle_sha256) == ('127.0.0.7', 'abcd')
    assert evaluation.software == {'git_hash': 'f00d'}


def test_goals_keep_their_order_and_are_judged_one_by_one(make_bag, goal_type):
    evaluation = evaluate_bag(make_bag([
        goal_type(),
        goal_type(outcome=1, final_error_m=0.05, message='not within 5 s'),
        goal_type(outcome=2),
        goal_type(late_error_m=0.05),
        goal_type(outcome=5, approach_s=0.04, settle_s=0.0, start_recorded=False, message='no'),
        goal_type(outcome=None),
    ]))
    assert [goal.outcome for goal in evaluation.goals] == [
        'REACHED', 'TIMED_OUT', 'CANCELED', 'REACHED', 'REFUSED', 'UNFINISHED'
    ]
    assert [goal.reached for goal in evaluation.goals] == [True] + 5 * [False]
    assert (evaluation.summary.reached, evaluation.summary.failed) == (1, 4)
    assert not evaluation.ok
    assert 'goal 2' in evaluation.problems[0]
    assert 'not within 5 s' in evaluation.problems[0]
    assert 'position error was 0.05 m' in evaluation.problems[1]


def test_a_goal_that_ends_after_its_successor_keeps_its_place(start_run):
    run = start_run()
    first, second = [1] * 16, [2] * 16
    for goal_id, event in ((first, 255), (second, 255), (second, 0)):
        run.now_ns += 10**9
        run.event(goal_id, event, duration_s=1.0)
    run.now_ns += 3 * 10**9
    run.timing([1.0])
    run.event(first, 3)
    evaluation = evaluate_bag(run.close())
    assert [goal.outcome for goal in evaluation.goals] == ['PREEMPTED', 'REACHED']


def test_policy_states_count_in_the_order_of_their_stamps(start_run):
    run = start_run()
    start_ns = run.now_ns
    run.event([1] * 16, 255)
    for period in (0, 2, 1, 3):
        run.now_ns = start_ns + period * 40_000_000
        run.policy([1] * 16, 0.001, 0.001, 0, 0.5, along_m=0.1 * period)
    run.event([1] * 16, 0, duration_s=0.0)
    evaluation = evaluate_bag(run.close())
    assert evaluation.goals[0].path_length_m == pytest.approx(0.3)


def test_a_stop_is_a_problem(start_run, goal_type):
    run = start_run()
    run.controller(3)
    run.pursue(goal_type())
    run.safety('/perl_safety_monitor/safety', severity=2, reasons=['joint_velocity'], stops=1)
    run.controller(5, reason='monitor: joint_velocity')
    evaluation = evaluate_bag(run.close())
    assert evaluation.summary.reached == 1
    assert evaluation.safety.monitor_stops == 1
    assert any('joint_velocity' in problem for problem in evaluation.problems)


def test_a_run_without_goals_or_ticks_is_not_fine(start_run):
    run = start_run()
    run.controller(2)
    evaluation = evaluate_bag(run.close())
    assert evaluation.problems == (
        'the bag holds no goal', 'the bag holds no timing of the control loop'
    )


def test_policy_states_of_another_contract_are_refused(start_run, monkeypatch):
    run = start_run()
    monkeypatch.setattr(sys.modules[type(run).__module__], 'OBSERVATION_SIZE', 40)
    run.policy([0] * 16, 0.1, 0.1, 0, 0.5)
    with pytest.raises(BagError, match=r'\(40, 6\) entries there, expected \(39, 6\)'):
        evaluate_bag(run.close())


def test_unknown_outcome_is_refused(make_bag, goal_type):
    with pytest.raises(BagError, match='outcome 77; known'):
        evaluate_bag(make_bag([goal_type(outcome=77)]))


def test_bag_without_messages_is_refused(start_run):
    with pytest.raises(BagError, match='holds no messages'):
        evaluate_bag(start_run().close())


def test_bag_of_another_stack_is_refused_by_topic(start_run):
    run = start_run(without=('/perl_controller/reach_events',))
    run.controller(2)
    with pytest.raises(BagError, match=r"lacks the topics \['/perl_controller/reach_events'\]"):
        evaluate_bag(run.close())


def test_readable_part_of_a_killed_recording_is_judged_and_told(make_bag, goal_type):
    folder = make_bag([goal_type()] * 3, close=False)
    with pytest.raises(BagError, match='truncated or damaged'):
        evaluate_bag(folder)
    evaluation = evaluate_bag(folder, EvaluationOptions(partial=True))
    assert evaluation.summary.reached == 3
    assert not evaluation.ok
    assert 'truncated or damaged' in evaluation.damage


def test_report_ends_with_strict_json(make_bag, goal_type):
    evaluation = evaluate_bag(make_bag([goal_type(outcome=1, message='too slow')]))
    stream = io.StringIO()
    print_report(evaluation, stream)
    lines = stream.getvalue().splitlines()

    def refuse(name):
        raise AssertionError(name)

    figures = json.loads(lines[-1], parse_constant=refuse)
    assert figures == headline(evaluation, {})
    assert len(lines[-1]) < 1500
    assert figures['time_to_reach_mean_s'] is None
    text = '\n'.join(lines[:-1])
    assert 'TIMED_OUT' in text
    assert 'PROBLEM: goal 1' in text
    assert max(map(len, lines[:-1])) <= 110


def test_command_exits_0_and_writes_the_file(make_bag, goal_type, tmp_path):
    result = run_command(make_bag([goal_type()]), '--json', tmp_path / 'out.json')
    assert (result.returncode, result.stderr) == (0, '')
    last = json.loads(result.stdout.splitlines()[-1])
    assert last['ok']
    assert last['json'] == str(tmp_path / 'out.json')
    figures = json.loads((tmp_path / 'out.json').read_text())
    assert figures['summary']['reached'] == last['reached'] == 1
    assert len(figures['goals']) == 1


def test_command_exits_1_when_a_goal_failed(make_bag, goal_type):
    result = run_command(make_bag([goal_type(outcome=1)]))
    assert result.returncode == 1
    assert not json.loads(result.stdout.splitlines()[-1])['ok']


def test_command_exits_2_with_one_sentence(
    make_bag, goal_type, tmp_path, run_here
):
    result = run_here('evaluate', tmp_path / 'nothing')
    assert (result.returncode, result.stdout) == (2, '')
    assert result.stderr == f'perl_replay: there is no bag at {tmp_path}/nothing\n'
    folder = make_bag([goal_type()], close=False)
    result = run_here('evaluate', folder)
    assert (result.returncode, result.stdout) == (2, '')
    assert 'truncated or damaged' in result.stderr
    result = run_here('evaluate', folder, '--partial')
    assert result.returncode == 2
    assert 'truncated or damaged' in result.stderr
    assert json.loads(result.stdout.splitlines()[-1])['reached'] == 1


def test_marks_are_shown_at_their_times_and_without_what_a_terminal_obeys(start_run, goal_type):
    run = start_run()
    run.controller(2)
    run.pursue(goal_type())
    run.put('/perl_recorder/marks', stamped_mark('a cup fell \x1b[2J', run.now_ns))
    evaluation = evaluate_bag(run.close(), EvaluationOptions(partial=True))
    mark = evaluation.marks[0]
    assert mark.text == 'a cup fell \x1b[2J'
    assert mark.time_s == pytest.approx(evaluation.duration_s)
    assert evaluation.to_dict()['marks'] == [{'time_s': mark.time_s, 'text': mark.text}]
    shown = io.StringIO()
    print_report(evaluation, shown)
    assert f'{mark.time_s:8.2f} s  mark: a cup fell ?[2J' in shown.getvalue()


def stamped_mark(text, time_ns):
    mark = Mark(text=text)
    mark.header.stamp.sec, mark.header.stamp.nanosec = divmod(time_ns, 1_000_000_000)
    return mark
