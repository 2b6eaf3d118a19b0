"""``python -m perl_bringup.play BAG``: a recorded run, given back to the nodes themselves.

An emulated controller reports the recorded joints; the real control loop, in shadow mode, the
real controller node, monitor and recorder run against it, and get the recorded goals at their
times. What they say is recorded and compared with what they had said.
"""

import argparse
import dataclasses
import json
import os
from pathlib import Path
import random
import subprocess
import sys
import tempfile
import time

import numpy as np
from perl_control.reach import DEFAULT_SETTLE_S
from perl_core.contract import Contract
from perl_core.errors import ConfigError, PerlError, RobotError
from perl_replay.live_comparison import LiveComparison, compare_live
from perl_replay.recorded_run import RecordedGoal, RecordedRun, read_run

from perl_bringup.arguments import EMULATED_ROBOT_IP
from perl_bringup.claim import Claim
from perl_bringup.demo import ARMED_TIMEOUT_S, LAST_FREE_DOMAIN
from perl_bringup.reach_client_node import GoalLimits, ReachClient
from perl_bringup.reach_goals import ReachGoal
from perl_bringup.runner import Ending, Runner, environment_of_stack, signals_end
from perl_bringup.stack import ProcessSpec, resolve

_REPLAY = ('-m', 'perl_sim.ur_controller.replay')
_WAIT_S = 1.5
"""The arm moves so much after it was asked to, so that nobody is late for the first goal."""
_SHORTEST_SETTLE_S = 0.001
"""0 would stand for the default."""
_PATIENCE_S = 0.3
"""A goal that had ended before the next may end this much later now."""
_ASK_TIMEOUT_S = 20.0
_LAST_WORDS_S = 1.0
"""For the end of the last goal, and for what is recorded of it."""


def main() -> int:
    """Give a run back; return 0 if the nodes say what they had said, 1 if not, 2 without a bag."""
    options = _parser().parse_args()
    os.environ.setdefault('ROS_DOMAIN_ID', str(random.randint(1, LAST_FREE_DOMAIN)))
    os.environ.update(environment_of_stack(os.environ))
    try:
        run = read_run(options.bag)
        new = (options.record or Path('bags') / time.strftime('play_%Y%m%d_%H%M%S')).absolute()
        bundle = options.bundle or run.bundle
        if bundle is None:
            raise ConfigError('the recorded policy is not at hand; name its folder with --bundle')
        ending = _play(run, new, bundle, options)
        if ending is not None:
            sys.stderr.write(f'play: {ending.sentence}\n')
            return 1
        comparison = compare_live(options.bag, new, options.rate, run.bundle or bundle)
    except PerlError as error:
        sys.stderr.write(f'play: {error}\n')
        return 2
    _show(comparison)
    return 0 if comparison.ok else 1


def _play(
    run: RecordedRun, new: Path, bundle: Path, options: argparse.Namespace
) -> Ending | None:
    """Run the stack on what was recorded; return why it ended early, or None."""
    specs = resolve({
        'use_mock_hardware': 'true', 'robot_ip': options.address, 'shadow': 'true',
        'bundle': str(bundle), 'limits_file': options.limits or '', 'record': 'true',
        'bag': str(new),
    })
    claim = Claim(options.address, os.environ)
    new.parent.mkdir(parents=True, exist_ok=True)
    log = new.with_name(f'{new.name}.log')
    with tempfile.TemporaryDirectory() as folder, log.open('w') as output:
        states = Path(folder) / 'states.npz'
        np.savez(states, time_s=run.time_s, position_rad=run.position_rad,
                 velocity_rad_s=run.velocity_rad_s)
        runner = Runner([_at_first_state(s, run) for s in specs], os.environ, output=output)
        with signals_end(runner), runner:
            ending = runner.start() or _give_back(run, states, runner, options)
    claim.release()
    return ending


def _at_first_state(spec: ProcessSpec, run: RecordedRun) -> ProcessSpec:
    """Return the process as it is; the emulated arm begins where the recorded one does."""
    if spec.kind != 'program':
        return spec
    joints = (str(angle) for angle in run.position_rad[0].tolist())
    return dataclasses.replace(spec, arguments=(*spec.arguments, '--initial-joints', *joints))


def _give_back(
    run: RecordedRun, states: Path, runner: Runner, options: argparse.Namespace
) -> Ending | None:
    """Move the arm as recorded and send the goals at their times."""
    with ReachClient(lambda: runner.poll() is not None) as client:
        if not client.wait_until_armed(ARMED_TIMEOUT_S):
            return runner.poll()
        sys.stderr.write(f'giving back {run.duration_s:.1f} s, {len(run.goals)} goals\n')
        begin_s = _begin_motion(states, options)
        has_ended = _always
        for goal in run.goals:
            at_s = begin_s + goal.at_s / options.rate
            if not client.spin_until(at_s):
                return runner.poll()
            if goal.after_end:
                client.spin_until(at_s + _PATIENCE_S, has_ended)
            pose = ReachGoal(goal.position_base_m, goal.quaternion_base_xyzw)
            has_ended = client.send(pose, _limits(goal, options.rate))
        client.spin_until(begin_s + run.duration_s / options.rate + _LAST_WORDS_S)
    return runner.poll()


def _limits(goal: RecordedGoal, rate: float) -> GoalLimits:
    """Return when a goal is reached or given up, where all goes faster."""
    return GoalLimits(
        home=goal.home,
        position_tolerance_m=goal.position_tolerance_m,
        rotation_tolerance_rad=goal.rotation_tolerance_rad,
        # No bag tells how long it had to settle. The arm was seen within tolerance for that long;
        # looked at between those moments, it may be seen there for one period less.
        settle_s=max(DEFAULT_SETTLE_S / rate - Contract().policy_period_s, _SHORTEST_SETTLE_S),
        timeout_s=goal.timeout_s / rate,
    )


def _always() -> bool:
    """Stand for the end of the goal before the first."""
    return True


def _begin_motion(states: Path, options: argparse.Namespace) -> float:
    """Let the emulated arm move as recorded; return when it began, of time.monotonic().

    Raises:
        RobotError: it does not.
    """
    command = [sys.executable, *_REPLAY, str(states), '--address', options.address,
               '--rate', str(options.rate), '--wait', str(_WAIT_S)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_ASK_TIMEOUT_S, check=False
    )
    words = done.stdout.split()
    if done.returncode or len(words) != 2:
        raise RobotError(f'the emulated arm does not move as recorded: {done.stderr.strip()}')
    return int(words[1]) / 1e9


def _show(comparison: LiveComparison) -> None:
    for number, goal in enumerate(comparison.goals, start=1):
        sys.stdout.write(
            f'goal {number}: {goal.recorded_outcome} -> {goal.repeated_outcome}; '
            f'{goal.on_path} of {goal.states} states as recorded, {1e3 * goal.late_s:.0f} ms '
            f'later; differences at most {goal.observation_difference_max:.2g} in the '
            f'observation, {goal.action_difference_max:.2g} in the action, '
            f'{goal.gate_difference_max:.2g} in the gate\n'
        )
    sys.stdout.write(
        f'{comparison.exact} of {comparison.states} answers are, bit for bit, those of the '
        f'policy; recorded in {comparison.repeated}\n'
    )
    unlike = sum(goal.unlike for goal in comparison.goals)
    if unlike and comparison.exact == comparison.states:
        sys.stdout.write(
            f'{unlike} of them are not between those recorded: the policy turns sharply there\n'
        )
    for problem in comparison.problems:
        sys.stdout.write(f'PROBLEM: {problem}\n')
    sys.stdout.write(json.dumps(comparison.to_dict()) + '\n')


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m perl_bringup.play',
        description='Give a recorded run back to the nodes, in shadow mode, and compare what they '
        'say with what they had said; the last line is one JSON object.',
    )
    parser.add_argument('bag', type=Path, metavar='BAG', help='what was recorded')
    parser.add_argument('--rate', type=float, default=1.0, metavar='TIMES',
                        help='how many times as fast (default %(default)g)')
    parser.add_argument('--record', type=Path, metavar='FOLDER',
                        help='where to record (default bags/play_<time>)')
    parser.add_argument('--bundle', type=Path, metavar='FOLDER',
                        help='run this policy (default: the recorded one)')
    parser.add_argument('--limits', metavar='FILE', help='safety limits (default: those shipped)')
    parser.add_argument('--address', default=EMULATED_ROBOT_IP,
                        help='of the emulated controller (default %(default)s)')
    return parser


if __name__ == '__main__':
    sys.exit(main())
