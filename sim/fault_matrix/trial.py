"""One trial: a motion, one thing that goes wrong, what came of it, and the way back."""

from collections.abc import Callable
import dataclasses
import random
import re
import time

from fault_matrix.bag_check import bag_losses
from fault_matrix.case import Case
from fault_matrix.driver_node import Driver, Future, Said, outcome, wait_until
from fault_matrix.injections import FAR_M, Scene, from_centre, goal_at, home_goal
from fault_matrix.measuring import (
    Excess,
    excesses,
    fastest_rad_s,
    rest_ns,
    wandered_rad,
)
from fault_matrix.pendant import bring_back
from fault_matrix.stage import StackSpec, Stage
import numpy as np
from perl_core.errors import RobotError
from perl_core.kinematics import Kinematics
from perl_safety.limits import SafetyLimits

MOVING_RAD_S = 0.2
"""A motion has begun above this. Own choice."""
START_S = 60.0
"""From starting the stack to the armed controller, on a busy machine."""
BEGIN_S = 5.0
"""From sending a goal to the beginning of the motion."""
NAMED_S = 1.0
"""For a reason to arrive after the fault was taken back."""
EARLY_NS = 20_000_000
"""Stamps of others may be so much earlier than the fault: two clocks are compared."""
ANSWERED_S = 3.0
"""A goal that began nothing by then was lost on the way."""
CHANCE_S = (0.0, 0.7)
"""The fault comes so long after the beginning of the motion, at random."""
WATCH_S = 4.0
"""How long a stop is waited for: far longer than any bar, so that a miss is seen as what it is."""
SEEN_S = 0.1
"""A trace whose newest tick is older says nothing about now."""
STAND_S = 0.4
"""An arm that stood for so long stands."""
REVIVED_S = 0.6
"""After what was wrong is taken back, the arm is watched for so long: it must not move."""
STARTED_AGAIN_S = 20.0
"""For resetting until the controller is armed."""
JUMP_RAD = 0.001
"""Largest way of a joint from the stop until the next goal (the bar of the control loop)."""
LATE_S = 0.012
"""The emulated arm has paused for more than five of its ticks. Own choice."""
SLACK_S = 0.15
"""Bar: from detection to the standing arm, beyond the ramp itself."""


@dataclasses.dataclass(kw_only=True)
class Result:
    """What a trial showed."""

    name: str
    """Of the case."""
    number: int
    """Of the trial of this case, from 0."""
    seed: int
    """Of everything random in it."""
    speed_rad_s: float = 0.0
    """Of the fastest joint when the fault came."""
    detected_s: float | None = None
    """From the fault to the first reason that was named; None: none was, or nobody was left."""
    stopped_s: float | None = None
    """From the fault to the standing arm; None: it did not stop."""
    bar_s: float | None = None
    """By when it must have stood."""
    reason: str = ''
    """The first that was named."""
    others: list[str] = dataclasses.field(default_factory=list)
    """What was named after it."""
    excess: dict[str, float] = dataclasses.field(default_factory=dict)
    """By limit: how far beyond the monitor's limits the arm was; negative: how far away."""
    excess_of_filter: float = 0.0
    """Worst excess over a limit of the filter, which is for commands; 0 if none."""
    late_s: float = 0.0
    """Longest time between two ticks of the emulated arm, 2 ms on an idle machine: a robot has no
    such pauses, and an emulated one that made one says nothing about limits."""
    disturbed: int = 0
    """Trials before this one that the machine spoilt in that way."""
    jump_rad: float = 0.0
    """Largest way of a joint between the stop and the next goal."""
    restarted: bool = False
    """Whether the controller was armed again and went home."""
    left: list[str] = dataclasses.field(default_factory=list)
    """Processes and shared memory that were left behind."""
    lost: list[str] = dataclasses.field(default_factory=list)
    """What the bag lacks."""
    failures: list[str] = dataclasses.field(default_factory=list)
    """Bars that do not hold, in words."""

    @property
    def passed(self) -> bool:
        """Whether all bars hold."""
        return not self.failures

    @property
    def spoilt(self) -> bool:
        """Whether the machine kept the emulated arm waiting, so that a failure says nothing."""
        return bool(self.failures) and self.late_s > LATE_S

    def fail(self, sentence: str) -> None:
        """Note a bar that does not hold."""
        self.failures.append(sentence)


class Trials:
    """Runs trials one after the other, and shares a stack among those that leave it whole."""

    def __init__(self, stage: Stage, driver: Driver, limits: SafetyLimits, rigged: str) -> None:
        """Hold what does not change.

        Args:
            stage: of the processes.
            driver: in their ROS domain.
            limits: that the stack uses.
            rigged: folder of the bundle whose graphs fail.
        """
        self._stage, self._driver, self._limits = stage, driver, limits
        self._specs = {'plain': StackSpec(), 'rigged': StackSpec((f'bundle:={rigged}',))}
        self._kinematics = Kinematics()
        self._variant = ''

    def run(self, case: Case, number: int, seed: int) -> Result:
        """Do one trial; whatever goes wrong with it stands in the result."""
        draw = random.Random(f'{case.name} {number} {seed}')
        result = Result(name=case.name, number=number, seed=seed)
        scene = Scene(self._stage, self._driver, draw)
        try:
            if case.come == 'refuses_start':
                self._refused_start(case, scene, result)
            else:
                self._ready(case)
                self._pursue(case, scene, result)
        except (RobotError, ConnectionError) as error:
            result.fail(f'the trial broke off: {error}')
            self._close(result, whole=False)
        return result

    def finish(self) -> list[str]:
        """End the stack and return what its bag lacks."""
        result = Result(name='', number=0, seed=0)
        self._close(result, whole=True)
        return result.lost

    def _ready(self, case: Case) -> None:
        """See that the right stack runs and is armed, and the arm is at home."""
        if case.variant != self._variant:
            self.finish()
        if not self._stage.has_emulator:
            self._stage.start_emulator()
        if not self._stage.has_stack:
            self._stage.clear_faults()
            bring_back(self._stage.address)
            self._driver.forget()
            self._stage.start_stack(self._specs[case.variant])
            self._variant = case.variant
            self._await_armed(START_S)
            self._go_home()
        self._driver.forget_reasons()

    def _await_armed(self, limit_s: float) -> None:
        def armed() -> bool:
            if not self._stage.has_stack:
                raise RobotError(f'the stack ended: {self._last_words()}')
            return self._driver.state == 'ARMED' and self._driver.can_send

        if not wait_until(armed, limit_s):
            raise RobotError(f'expected an armed controller within {limit_s:g} s; it is '
                             f'{self._driver.state or "silent"}')

    def _go_home(self) -> None:
        ended = self._driver.send(home_goal())
        # The answer to the first goal of a new stack may come before the client can hear it.
        if not wait_until(lambda: ended.done() or self._driver.state == 'MOVING', ANSWERED_S):
            ended = self._driver.send(home_goal())
        came, message = outcome(ended, 15.0)
        if came != 'REACHED':
            raise RobotError(f'expected the arm to go home; {came}: {message}')

    def _pursue(self, case: Case, scene: Scene, result: Result) -> None:
        """Send a goal, let it go wrong, and judge."""
        everyone = self._stage.everyone()
        self._stage.learn_pids()
        goal = goal_at(from_centre(scene.draw.choice(FAR_M)))
        begin_ns = time.monotonic_ns()
        ended = self._driver.send(goal if case.goal is None else case.goal(scene))
        if not case.at_rest:
            self._await_motion(ended)
            # A rigged policy chooses its moment by itself.
            time.sleep(scene.draw.uniform(*CHANCE_S) if case.variant == 'plain' else 0.0)
        fault_ns = time.monotonic_ns()
        result.speed_rad_s = float(np.abs(self._stage.trace.newest()['velocity_rad_s']).max())
        undo = case.inject(scene)
        if case.come == 'refuses_goal':
            self._judge_refusal(case, ended, result, begin_ns)
        elif case.come == 'stops':
            self._judge_stop(case, fault_ns, result)
        else:
            self._judge_going_on(case, ended, fault_ns, result)
        self._undo(undo, result)
        if case.come == 'stops':
            self._judge_reason_of_stop(case, fault_ns, result)
        if not case.lates_arm:
            self._judge_limits(begin_ns, result)
        self._bring_back(case, everyone, result)

    def _await_motion(self, ended: Future) -> None:
        trace = self._stage.trace
        moving = wait_until(lambda: fastest_rad_s(
            np.atleast_1d(trace.newest())) > MOVING_RAD_S or ended.done(), BEGIN_S)
        if ended.done():
            raise RobotError(f'the goal ended before the fault: {outcome(ended, 0.1)}')
        if not moving:
            raise RobotError(f'the arm did not begin to move within {BEGIN_S:g} s')

    def _judge_refusal(
        self, case: Case, ended: Future, result: Result, begin_ns: int
    ) -> None:
        came, result.reason = outcome(ended, 5.0)
        if came != 'REFUSED':
            result.fail(f'expected the goal to be refused; {came}: {result.reason}')
        if fastest_rad_s(self._stage.trace.since(begin_ns)) > MOVING_RAD_S:
            result.fail('the arm moved')
        self._judge_reason(case, result)

    def _judge_stop(self, case: Case, fault_ns: int, result: Result) -> None:
        """Measure when the arm stands."""
        rested_ns = _await_rest(self._stage, fault_ns)
        if rested_ns is None:
            result.fail(f'the arm did not stand still within {WATCH_S:g} s')
        else:
            result.stopped_s = (rested_ns - fault_ns) * 1e-9
        if case.ends_stack and not self._stage.await_end_of_stack():
            result.fail('the stack did not end')

    def _judge_reason_of_stop(self, case: Case, fault_ns: int, result: Result) -> None:
        """Compare the stop with the bars; a frozen node names its reason when it goes on."""
        def said() -> list[Said]:
            return self._driver.said_since(fault_ns - EARLY_NS)

        if not case.ends_stack:
            wait_until(said, NAMED_S)
        named = said()
        self._note_reasons(case, named, result)
        if named:
            result.detected_s = max(0.0, (named[0].time_ns - fault_ns) * 1e-9)
        self._judge_reason(case, result)
        if result.stopped_s is None:
            return
        known = result.detected_s is not None and not case.lates_arm
        detected_s = min(result.detected_s or 0.0, case.detect_s) if known else case.detect_s
        moving = self._stage.trace.since(fault_ns)
        result.bar_s = detected_s + fastest_rad_s(moving) / case.deceleration_rad_s2 + SLACK_S
        if result.stopped_s > result.bar_s:
            result.fail(f'stood after {result.stopped_s:.3f} s, at most {result.bar_s:.3f} s')

    def _judge_going_on(
        self, case: Case, ended: Future, fault_ns: int, result: Result
    ) -> None:
        """See that nothing stops, or, where that is allowed, that it stops for a reason."""
        wait_until(ended.done, case.hold_s)
        said = self._driver.said_since(fault_ns)
        self._note_reasons(case, said, result)
        if said and case.come == 'goes_on':
            result.fail(f'expected the motion to go on; it stopped: {result.reason}')
        elif said:
            result.detected_s = max(0.0, (said[0].time_ns - fault_ns) * 1e-9)
            rested_ns = _await_rest(self._stage, fault_ns)
            if rested_ns is None:
                result.fail(f'the arm did not stand still within {WATCH_S:g} s')
            else:
                result.stopped_s = (rested_ns - fault_ns) * 1e-9
            self._judge_reason(case, result)

    def _note_reasons(self, case: Case, said: list[Said], result: Result) -> None:
        """Write down what was named, in order, each once."""
        reasons = list(dict.fromkeys(each.reason for each in said))
        if case.ends_stack:
            reasons.insert(0, self._last_words())
        result.reason, result.others = (reasons[0], reasons[1:]) if reasons else ('', [])

    def _judge_reason(self, case: Case, result: Result) -> None:
        if not any(re.search(pattern, result.reason) for pattern in case.reasons):
            result.fail(f'expected a reason like {list(case.reasons)}; came {result.reason!r}')

    def _last_words(self) -> str:
        """Return the stack's last line, without the name of the program."""
        words = self._stage.words_of_stack
        mine = [line for line in words if line.startswith('perl_bringup: ')]
        return mine[-1].removeprefix('perl_bringup: ') if mine else ''

    def _undo(self, undo: Callable[[], None] | None, result: Result) -> None:
        """Take the fault back; an arm that stopped must not move by that."""
        if undo is not None:
            undo()
        if result.stopped_s is not None:
            since_ns = time.monotonic_ns()
            time.sleep(REVIVED_S)
            result.jump_rad = wandered_rad(self._stage.trace.since(since_ns))

    def _judge_limits(self, begin_ns: int, result: Result) -> None:
        """Compare the whole motion with the limits."""
        trace = self._stage.trace.since(begin_ns)
        if len(trace) < 2:
            return
        result.late_s = float(np.diff(trace['time_ns']).max()) * 1e-9
        found = excesses(trace, self._limits.monitor, self._kinematics)
        result.excess = {each.limit: each.by for each in found}
        of_filter = excesses(trace, self._limits, self._kinematics)
        result.excess_of_filter = max(0.0, *(each.by for each in of_filter))
        for each in found:
            _judge_excess(each, result)

    def _bring_back(self, case: Case, everyone: list[int], result: Result) -> None:
        """Bring everything back to where the next goal can be given, and go home."""
        stage = self._stage
        since_ns = time.monotonic_ns()
        if case.ends_stack:
            self._close(result, whole=False, everyone=everyone)
        if case.new_emulator:
            stage.end_emulator()
        else:
            stage.clear_faults()
            bring_back(stage.address)
        if case.ends_stack:
            self._ready(case)
        else:
            self._reset()
        if result.stopped_s is not None and not case.new_emulator and not case.ends_stack:
            stood = stage.trace.since(since_ns)
            result.jump_rad = max(result.jump_rad, wandered_rad(stood))
        if result.jump_rad > JUMP_RAD:
            result.fail(f'a joint moved by {result.jump_rad:.4f} rad between stop and next goal')
        self._go_home()
        result.restarted = True

    def _reset(self) -> None:
        """Reset monitor and controller until the controller is armed."""
        deadline_s, said = time.monotonic() + STARTED_AGAIN_S, ''
        while time.monotonic() < deadline_s:
            if not self._stage.has_stack:
                raise RobotError(f'the stack ended: {self._last_words()}')
            if wait_until(lambda: self._driver.state == 'ARMED', 0.3):
                return
            if self._driver.state not in ('FAULT', 'STANDBY', 'DISCONNECTED'):
                continue
            for name in ('perl_safety_monitor', 'perl_controller'):
                done, message = self._driver.reset(name)
                said = said if done else f'{name}: {message}'
        raise RobotError(f'the controller could not be reset: {said or self._driver.state}')

    def _refused_start(self, case: Case, scene: Scene, result: Result) -> None:
        """Start a stack that must refuse to."""
        self.finish()
        stage = self._stage
        if case.emulator or not stage.has_emulator:
            stage.start_emulator(*case.emulator)
        undo = case.inject(scene)
        begin_ns = time.monotonic_ns()
        words = () if case.words is None else case.words(scene)
        file = stage.folder / 'impatient.yaml'
        file.write_text(_IMPATIENT)
        stage.start_stack(StackSpec((*words, f'params_file:={file}'), dict(case.environment)))
        everyone: list[int] = []

        def ended() -> bool:
            everyone.extend(set(stage.everyone()) - set(everyone))
            return not stage.has_stack

        if not wait_until(ended, START_S):
            result.fail('the stack did not refuse to start')
        result.detected_s = (time.monotonic_ns() - begin_ns) * 1e-9
        result.reason = self._last_words()
        self._judge_reason(case, result)
        if fastest_rad_s(stage.trace.since(begin_ns)) > MOVING_RAD_S:
            result.fail('the arm moved')
        self._close(result, whole=False, everyone=everyone)
        if undo is not None:
            undo()
        if case.new_emulator:
            stage.end_emulator()
        result.restarted = True

    def _close(self, result: Result, *, whole: bool, everyone: list[int] | None = None) -> None:
        """End the stack; check what is left of it and what its bag holds."""
        stage = self._stage
        if everyone is None:
            everyone = stage.everyone()
        had_stack = bool(everyone)
        stage.end_stack()
        self._variant = ''
        if not had_stack:
            return
        result.left = stage.leftovers(everyone)
        if result.left:
            result.fail(f'left behind: {", ".join(result.left)}')
        result.lost = bag_losses(stage.bag, whole=whole)
        if result.lost:
            result.fail(f'the bag: {"; ".join(result.lost)}')


_IMPATIENT = """\
perl_lifecycle_manager:
  ros__parameters:
    appear_timeout_s: 12.0
perl_controller:
  ros__parameters:
    connect_timeout_s: 15.0
"""
"""A start that is to be refused need not wait as long as a real one."""


def _judge_excess(excess: Excess, result: Result) -> None:
    if excess.by > 0.0:
        result.fail(f'{excess.limit} beyond its limit by {excess.by:.4f}')


def _await_rest(stage: Stage, fault_ns: int) -> int | None:
    """Wait until the arm has stood for a while; return since when."""
    rested_ns: int | None = None

    def stands() -> bool:
        nonlocal rested_ns
        trace, now_ns = stage.trace.since(fault_ns), time.monotonic_ns()
        rested_ns = rest_ns(trace, fault_ns)
        if not stage.has_emulator:
            # What does not run does not move; a real arm brakes without its controller.
            rested_ns = fault_ns if rested_ns is None else rested_ns
            return True
        told = len(trace) and now_ns - trace['time_ns'][-1] < SEEN_S * 1e9
        return bool(told) and rested_ns is not None and now_ns - rested_ns > STAND_S * 1e9

    return rested_ns if wait_until(stands, WATCH_S) else None
