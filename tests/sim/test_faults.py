"""The fault matrix: its measures, its table, its page, and the real script with two faults."""

import json
import os
import subprocess
import sys

from fault_matrix import files
from fault_matrix.cases import CASES
from fault_matrix.measuring import excesses, fastest_rad_s, rest_ns, wandered_rad
from fault_matrix.page import GROUPS, page
from fault_matrix.rigged_bundle import RIGGED, TRIGGER_DISTANCE_M, rig
from fault_matrix.trial import LATE_S, Result
import numpy as np
from perl_core.bundle.runtime import BRANCH_STANDARD, Policy
from perl_core.contract import Contract
from perl_core.errors import ConfigError, PolicyError, PolicyRangeError
from perl_core.kinematics import Kinematics
from perl_core.observation import build_observation
from perl_safety.limits import load_limits
from perl_sim.ur_controller.trace import RECORD
import pytest

HOME = np.array(Contract().home_rad)
MS = 1_000_000


def trace(speeds_rad_s, joint=5):
    """A trace of an arm whose one joint has these speeds, a tick each."""
    records = np.zeros(len(speeds_rad_s), RECORD)
    records['time_ns'] = 2 * MS * np.arange(len(speeds_rad_s))
    records['velocity_rad_s'][:, joint] = speeds_rad_s
    records['position_rad'] = HOME
    records['position_rad'][:, joint] += 0.002 * np.cumsum(speeds_rad_s)
    return records


def test_the_arm_rests_from_the_tick_after_its_last_motion():
    assert rest_ns(trace([1.0, 0.5, 0.011, 0.009, 0.0]), 0) == 6 * MS
    assert rest_ns(trace([1.0, 0.0, 0.0, 0.02]), 0) is None, 'it moves at the end'
    assert rest_ns(trace([0.0, 0.0]), 5) == 5, 'it never moved'
    assert rest_ns(trace([1.0, 0.0]), 100 * MS) == 100 * MS


def test_a_way_is_measured_from_the_beginning_of_a_trace():
    assert wandered_rad(trace([1.0, 1.0, 1.0])) == pytest.approx(0.004)
    assert wandered_rad(trace([])) == fastest_rad_s(trace([])) == 0.0


def test_excesses_tell_how_far_beyond_and_how_far_away():
    limits = load_limits().monitor
    fine = {each.limit: each.by for each in excesses(trace([1.0]), limits, Kinematics())}
    assert all(by < 0.0 for by in fine.values())
    assert fine['joint_speed:wrist_3_joint [rad/s]'] == 1.0 - limits.max_joint_speed_rad_s
    fast = {each.limit: each.by for each in excesses(trace([3.0, -3.1]), limits, Kinematics())}
    assert fast['joint_speed:wrist_3_joint [rad/s]'] == 3.1 - limits.max_joint_speed_rad_s
    low = trace([0.0])
    low['position_rad'][0] = [0.0, 0.3, 0.5, 0.0, 0.0, 0.0]
    found = {each.limit: each.by for each in excesses(low, limits, Kinematics())}
    height_m = Kinematics().tool_pose(low['position_rad'][0]).position_m[2]
    assert found['workspace:table [m]'] == limits.min_tool_height_base_m - height_m


def test_there_are_enough_faults_and_each_has_a_name_of_its_own_and_a_heading():
    assert len(CASES) >= 40
    assert len({case.name for case in CASES}) == len(CASES)
    assert {case.group for case in CASES} == set(GROUPS)
    assert all(case.reasons for case in CASES if case.come in ('stops', 'refuses_start'))


@pytest.fixture(scope='module')
def rigged(tmp_path_factory, request):
    shipped = request.config.rootpath / 'policies' / 'ur5e_reach'
    return Policy.load(rig(shipped, tmp_path_factory.mktemp('rigged') / 'bundle'))


def observation(offset_m, distance_m):
    """What a policy sees this far from a goal at an offset from the centre."""
    kinematics, contract = Kinematics(), Contract()
    goal = kinematics.tool_pose(HOME)
    seen = build_observation(HOME, np.zeros(6), goal, kinematics, contract)
    seen[:3] = np.array(offset_m) - [0.0, distance_m, 0.0]
    seen[3:6] = [0.0, distance_m, 0.0]
    return seen


@pytest.mark.parametrize('name', RIGGED)
def test_a_rigged_graph_fails_near_its_goal_and_nowhere_else(rigged, name, request):
    fault, error = RIGGED[name], PolicyError if name.endswith(':nan') else PolicyRangeError
    before = rigged.act(observation(fault.offset_m, 1.5 * TRIGGER_DISTANCE_M))
    if fault.graph != 'gate':
        assert (before.branch == BRANCH_STANDARD) == (fault.graph == 'actor_standard')
    with pytest.raises(error):
        rigged.act(observation(fault.offset_m, 0.5 * TRIGGER_DISTANCE_M))
    plain = Policy.load(request.config.rootpath / 'policies' / 'ur5e_reach')
    elsewhere = observation((0.2, -0.1, 0.1), 0.05)
    np.testing.assert_array_equal(rigged.act(elsewhere).action, plain.act(elsewhere).action)


def test_results_are_read_back_and_strangers_refused(tmp_path):
    result = Result(name='x', number=1, seed=2, failures=['why'], excess={'a': -1.0})
    files.append(tmp_path / 'raw', result, tmp_path)
    assert files.read(tmp_path / 'raw') == [result]
    assert files.read(tmp_path / 'nothing') == []
    (tmp_path / 'raw').write_text('{"other": 1}\n')
    with pytest.raises(ConfigError, match='something else than results'):
        files.read(tmp_path / 'raw')


def test_a_failure_beside_a_pause_of_the_arm_is_spoilt_and_others_are_not():
    late = 2 * LATE_S
    assert Result(name='x', number=0, seed=0, failures=['f'], late_s=late).spoilt
    assert not Result(name='x', number=0, seed=0, late_s=late).spoilt
    assert not Result(name='x', number=0, seed=0, failures=['f']).spoilt


def test_the_page_shows_the_worst_and_every_bar_that_does_not_hold():
    name = CASES[0].name
    text = page([
        Result(name=name, number=0, seed=0, stopped_s=0.1, reason='r|s'),
        Result(name=name, number=1, seed=0, stopped_s=0.3, failures=['too late']),
    ])
    row = next(line for line in text.splitlines() if line.startswith(f'| {name} '))
    assert ' 0.30 ' in row and ' r/s ' in row and row.endswith('| 1 of 2 |')
    assert f'- {name}, trial 1: too late' in text


def test_the_page_in_the_docs_is_that_of_the_raw_figures(request):
    root = request.config.rootpath
    raw = files.read(root / 'results' / 'faults' / 'trials.jsonl')
    assert (root / 'docs' / 'fault_matrix.md').read_text(encoding='utf-8') == page(raw)


@pytest.mark.alone
@pytest.mark.timeout(180)
def test_the_script_does_its_trials_and_goes_on_where_it_was(tmp_path, request):
    def run(*words):
        command = [sys.executable, str(request.config.rootpath / 'sim' / 'faults.py'), '--repeat',
                   '1', '--output', str(tmp_path / 'raw.jsonl'), '--page',
                   str(tmp_path / 'page.md'), '--address', '127.0.4.70', *words]
        environment = {**os.environ, 'ROS_DOMAIN_ID': '156'}
        return subprocess.run(command, capture_output=True, text=True, env=environment)

    first = run('--only', 'protective stop', 'goal out of reach')
    results = [json.loads(line) for line in (tmp_path / 'raw.jsonl').read_text().splitlines()]
    assert [r['name'] for r in results] == ['protective stop', 'goal out of reach'], first.stderr
    stop = results[0]
    assert 'protective_stop' in stop['reason'] and 0.0 < stop['stopped_s'] < 4.0
    assert stop['restarted'] and stop['left'] == stop['lost'] == []
    assert first.returncode == int(any(r['failures'] for r in results)), first.stderr
    again = run('--resume', '--only', 'protective stop', 'goal out of reach')
    assert again.returncode == first.returncode
    assert len((tmp_path / 'raw.jsonl').read_text().splitlines()) == len(results)
    assert 'protective stop' in (tmp_path / 'page.md').read_text()
    wrong = run('--only', 'no such fault')
    assert wrong.returncode == 1 and "no fault is called 'no such fault'" in wrong.stderr
