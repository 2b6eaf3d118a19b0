import math
import time

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
import numpy as np
from perl_core.action import Command, joint_velocity_target, plan_segment
from perl_core.contract import Contract
from perl_core.errors import RobotError
from perl_core.kinematics import Kinematics
from perl_core.robot_state import RobotState
from perl_safety.filter import SafetyFilter
from perl_safety.limits import load_limits
from perl_safety.rules import RULES
from perl_safety.rules.rule import Interval, Verdict, tighten
from perl_safety.severity import Severity
import pytest

CONTRACT = Contract()
LIMITS = load_limits()
KINEMATICS = Kinematics()
DT = CONTRACT.control_period_s
HOME = np.array(CONTRACT.home_rad)
LOWER, UPPER = np.array(LIMITS.joint_lower_rad), np.array(LIMITS.joint_upper_rad)
SPEED, ACCELERATION = LIMITS.max_joint_speed_rad_s, LIMITS.max_joint_acceleration_rad_s2
NOW = 10**12


def state(position, **changes):
    values = {
        'controller_time_s': 1.0, 'fresh_ns': NOW, 'joint_position_rad': np.array(position),
        'joint_velocity_rad_s': np.zeros(6), 'robot_mode': 7, 'safety_mode': 1,
        'safety_status_bits': 1, 'runtime_state': 2, 'speed_scaling': 1.0,
    }
    return RobotState(**{**values, **changes})


def make(position=HOME, rules=RULES):
    made = SafetyFilter(LIMITS, KINEMATICS, DT, rules)
    made.seed(position)
    return made


class Run:
    """Steps a filter whose robot follows exactly, and checks every output."""

    def __init__(self, position=HOME, rules=RULES):
        self.filter = make(position, rules)
        self.position, self.velocity = np.array(position), np.zeros(6)
        self.outside_m = max(0.0, outside_m(position))

    def step(self, asked, **changes):
        result = self.filter.step(asked, state(self.position)._replace(**changes), NOW)
        position, velocity, severity = result[:3]
        assert np.isfinite(position).all() and np.isfinite(velocity).all()
        assert np.allclose(position - self.position, velocity * DT, atol=1e-12)
        assert (np.abs(velocity) <= SPEED + 1e-9).all()
        assert (np.abs(velocity - self.velocity) <= ACCELERATION * DT + 1e-9).all()
        assert (position >= np.minimum(LOWER, self.position) - 1e-9).all()
        assert (position <= np.maximum(UPPER, self.position) + 1e-9).all()
        if self.filter.latched:
            assert severity is Severity.STOP
            assert (np.abs(velocity) <= np.abs(self.velocity)).all(), 'a stop only brakes'
        self.position, self.velocity = position, velocity
        return result


def outside_m(position):
    tool = KINEMATICS.tool_pose(np.asarray(position)).position_m
    beyond = math.dist(tool, LIMITS.workspace_centre_base_m) - LIMITS.workspace_radius_m
    return max(beyond, LIMITS.min_tool_height_base_m - tool[2])


def tool_speed(position, velocity):
    _, jacobian = KINEMATICS.tool_pose_and_jacobian(position)
    return float(np.linalg.norm(jacobian[:3] @ velocity))


any_number = st.floats(allow_nan=True, allow_infinity=True, width=64)
unit = st.tuples(*[st.floats(-1.0, 1.0)] * 6).map(np.array)
wishes = st.one_of(
    st.none(),
    st.tuples(*[any_number] * 6).map(lambda values: ('absolute', np.array(values))),
    unit.map(lambda v: ('absolute', v * 2 * np.pi)),
    unit.map(lambda v: ('offset', v)),
    unit.map(lambda v: ('offset', np.sign(v) * 1e300)),
    unit.map(lambda v: ('flip', v)),
    unit.map(lambda v: ('cruise', v)),
    st.just(('absolute', np.zeros(5))),
)
faults = st.one_of(
    *[st.just({})] * 12,
    st.just({'fresh_ns': NOW - int(0.06e9)}),
    st.just({'fresh_ns': NOW - int(0.2e9)}),
    st.integers(0, 2**12).map(lambda bits: {'safety_status_bits': bits}),
    st.just({'joint_position_rad': np.full(6, np.nan)}),
    st.just({'joint_velocity_rad_s': np.full(3, 0.0)}),
    unit.map(lambda v: {'joint_position_rad': HOME + v}),
)
pieces = st.lists(st.tuples(wishes, faults, st.integers(1, 120)), min_size=1, max_size=12)


def asked_of(wish, run):
    if wish is None:
        return None
    kind, value = wish
    if kind == 'absolute':
        return value
    if kind == 'offset':
        return run.position + value
    if kind == 'cruise':
        return run.position + value * 2 * SPEED * DT
    return run.position - np.sign(run.velocity) * np.abs(value)


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(pieces, unit)
def test_no_sequence_of_wishes_and_states_breaks_a_limit(sequence, start):
    run = Run((LOWER + UPPER) / 2 + start * (UPPER - LOWER) / 2)
    for wish, changes, ticks in sequence:
        for _ in range(ticks):
            run.step(asked_of(wish, run), **changes)
    latched = run.filter.latched
    for _ in range(int(SPEED / ACCELERATION / DT) + 2):
        result = run.step(None)
    assert not result.velocity_rad_s.any(), 'it comes to rest within the time of braking'
    assert run.filter.latched[: len(latched)] == latched
    rest = result.position_rad
    assert (run.step(None).position_rad == rest).all()


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(wishes, st.integers(1, 150)), min_size=1, max_size=10))
def test_the_tool_stays_in_the_workspace_and_below_its_speed(sequence):
    run = Run()
    for wish, ticks in sequence:
        for _ in range(ticks):
            before = run.position
            result = run.step(asked_of(wish, run))
            # 10 mm: between two resting places inside the sphere the arm moves on an arc.
            assert outside_m(result.position_rad) < 0.01
            # 10 %: the direction of the last tick cannot be left faster than it can brake.
            assert tool_speed(before, result.velocity_rad_s) < 1.1 * LIMITS.max_tool_speed_m_s
    for _ in range(100):
        result = run.step(None)
    assert outside_m(result.position_rad) < 1e-3


@pytest.mark.parametrize('seed', range(4))
def test_motion_within_the_contract_passes_bit_for_bit(seed):
    generator = np.random.default_rng(seed)
    filtered, command = make(), Command(HOME, np.zeros(6))
    for _ in range(50):
        tool = KINEMATICS.tool_pose(command.position_rad).position_m
        pull = 4.0 * (np.array(CONTRACT.workspace_centre_base_m) - tool)
        action = np.concatenate((pull + generator.normal(size=3), generator.normal(size=3)))
        velocity = joint_velocity_target(action, command, KINEMATICS, CONTRACT)
        segment = plan_segment(velocity, command, CONTRACT)
        for target in segment.position_rad:
            result = filtered.step(target, state(target), NOW)
            assert result.severity is Severity.PASS and result.reasons == ()
            assert result.position_rad.tobytes() == target.tobytes()
        command = segment.last
    assert filtered.limited_ticks == 0 and filtered.stops == 0


def test_joint_motion_at_full_contract_speed_up_to_the_joint_limits_passes_bit_for_bit():
    start = HOME.copy()
    filtered, command = make(start), Command(start, np.zeros(6))
    for ticks, sign in ((100, 1.0), (200, -1.0)):
        for _ in range(ticks):
            # Wrist 3 moves no point of tool0, so only its joint limits end this.
            upper = CONTRACT.joint_upper_rad[5] if sign > 0 else CONTRACT.joint_lower_rad[5]
            room = max(abs(upper - command.position_rad[5]) - 0.09, 0.0)
            fastest = min(2.0, math.sqrt(2 * 10.0 * room))
            velocity = np.array((0, 0, 0, 0, 0, sign * fastest))
            segment = plan_segment(velocity, command, CONTRACT)
            for target in segment.position_rad:
                assert filtered.step(target, state(target), NOW).severity is Severity.PASS
            command = segment.last
    assert command.position_rad[5] < -6.0


bounds = st.tuples(unit, unit).map(lambda ab: (np.minimum(*ab), np.maximum(*ab)))


@given(bounds, st.lists(bounds, max_size=6), unit)
def test_a_fold_over_any_bounds_only_tightens(first, others, velocity):
    interval = Interval(*first)
    for lower, upper in others:
        tighter = tighten(interval, Verdict(Severity.PASS, 'any', lower, upper))
        assert (tighter.lower_rad_s <= tighter.upper_rad_s).all(), 'never empty'
        assert (tighter.lower_rad_s >= interval.lower_rad_s).all()
        assert (tighter.upper_rad_s <= interval.upper_rad_s).all()
        inside = tighter.nearest(velocity)
        assert (interval.nearest(inside) == inside).all()
        interval = tighter


@settings(max_examples=60, deadline=None)
@given(wishes, faults, unit, st.integers(0, len(RULES) - 1))
def test_adding_a_rule_never_loosens(wish, changes, direction, left_out):
    def moving(rules):
        """The filter, cruising, with the rules that a cruise needs."""
        run = Run(rules=RULES)
        for _ in range(30):
            run.step(run.position + 0.3 * direction * SPEED * DT)
        run.filter._rules = rules
        return run

    fewer = RULES[:left_out] + RULES[left_out + 1 :]
    with_all, without = moving(RULES), moving(fewer)
    asked = asked_of(wish, with_all)
    malformed = asked is not None and asked.shape != (6,)
    if left_out == 0 and (malformed or 'joint_velocity_rad_s' in changes):
        return  # what the first rule keeps from the others
    strict = with_all.filter.step(asked, state(with_all.position)._replace(**changes), NOW)
    loose = without.filter.step(asked, state(without.position)._replace(**changes), NOW)
    assert strict.severity >= loose.severity


def trip(run, **changes):
    return run.step(HOME, **changes)


@pytest.mark.parametrize(('changes', 'reason'), [
    ({'safety_status_bits': 0b101}, 'safety_bits:protective_stop'),
    ({'safety_status_bits': 1 << 4}, 'safety_bits:safeguard_stop'),
    ({'safety_status_bits': 1 << 6 | 1 << 7 | 1 << 10},
     'safety_bits:robot_emergency_stop+emergency_stop+stopped_due_to_safety'),
    ({'safety_status_bits': 1 << 11 | 1}, 'safety_bits:unknown'),
    ({'safety_status_bits': 0}, 'safety_bits:none'),
    ({'safety_mode': 3}, 'safety_mode:3'),
    ({'robot_mode': 5}, 'robot_mode:5'),
    ({'runtime_state': 4}, 'runtime_state:4'),
    ({'fresh_ns': NOW - int(0.11e9)}, 'stale_state'),
    ({'joint_position_rad': HOME + np.array((0, 0, 0.4, 0, 0, 0))}, 'deviation:elbow_joint'),
    ({'joint_position_rad': np.full(6, math.nan)}, 'finite:measured_position'),
    ({'joint_velocity_rad_s': np.full(6, math.inf)}, 'finite:measured_velocity'),
])
def test_each_state_that_must_stop_the_arm_does_and_stays_latched(changes, reason):
    run = Run()
    for _ in range(40):
        run.step(run.position + 0.002)
    result = trip(run, **changes)
    assert result.severity is Severity.STOP and result.reasons == (reason,)
    for _ in range(200):
        result = run.step(run.position + 0.002)
    assert result.severity is Severity.STOP and result.reasons == (reason,)
    assert not result.velocity_rad_s.any()
    assert run.filter.stops == 1
    run.filter.reset()
    run.filter.seed(run.position)
    assert run.step(run.position + 1e-6).severity is Severity.PASS


@pytest.mark.parametrize('bits', [0b01, 0b10, 0b11])
def test_normal_and_reduced_operation_go_on(bits):
    mode = 2 if bits & 2 else 1
    assert Run().step(HOME, safety_status_bits=bits, safety_mode=mode).severity is Severity.PASS


@pytest.mark.parametrize('asked', [
    np.full(6, math.nan), np.array((0, 0, 0, 0, 0, math.inf)), np.zeros(5), np.zeros((2, 3)),
])
def test_a_malformed_wish_stops(asked):
    assert Run().step(asked).reasons == ('finite:asked',)


def test_a_stop_from_outside_is_latched_and_keeps_its_cause_first():
    run = Run()
    run.filter.stop('heartbeat')
    run.filter.stop('overrun')
    run.filter.stop('heartbeat')
    result = run.step(HOME + 0.001, runtime_state=1)
    assert result.severity is Severity.STOP and result.reasons == ('heartbeat', 'overrun')
    assert run.filter.stops == 1


def test_a_state_that_is_old_for_a_moment_brakes_and_goes_on():
    run = Run()
    for _ in range(40):
        run.step(run.position + 0.002)
    before = np.abs(run.velocity)
    result = run.step(run.position + run.velocity * DT, fresh_ns=NOW - int(0.06e9))
    assert result.severity is Severity.LIMIT and result.reasons == ('stale_state',)
    assert (np.abs(result.velocity_rad_s) < before).all()
    assert run.step(None).severity is Severity.PASS


def test_a_jump_is_approached_without_overshoot():
    run, goal = Run(), HOME + np.array((0.3, 0.2, -0.2, 0.1, -0.4, 0.5))
    furthest = np.zeros(6)
    for _ in range(600):
        result = run.step(goal)
        furthest = np.maximum(furthest, (result.position_rad - HOME) * np.sign(goal - HOME))
    assert np.allclose(result.position_rad, goal, atol=1e-9)
    # 0.5 mrad: the last step of a ramp in steps.
    assert (furthest <= np.abs(goal - HOME) + 5e-4).all()
    assert run.filter.limited_ticks > 50


def test_the_reason_names_what_limits():
    run, reasons = Run(), set()
    for _ in range(600):
        result = run.step(run.position + np.array((0, 0.1, -0.05, 0, 0, 0)))
        reasons.update(result.reasons)
    assert {'velocity', 'acceleration'} & reasons
    assert {'workspace:table', 'workspace:sphere'} & reasons


def test_no_wish_ramps_to_rest_and_holds_without_counting():
    run = Run()
    for _ in range(40):
        run.step(run.position + 0.002)
    limited = run.filter.limited_ticks
    for _ in range(200):
        result = run.step(None)
        assert result.severity is Severity.PASS
    assert not result.velocity_rad_s.any() and run.filter.limited_ticks == limited


@pytest.mark.parametrize('sign', [-1.0, 1.0])
@pytest.mark.parametrize('joint', range(6))
def test_an_arm_driven_at_a_joint_limit_stops_just_before_it(joint, sign):
    limit, start, outwards = UPPER if sign > 0 else LOWER, HOME.copy(), np.zeros(6)
    start[joint], outwards[joint] = limit[joint] - sign, sign
    run = Run(start, [rule for rule in RULES if rule.__name__ not in ('tool_speed', 'workspace')])
    for _ in range(700):
        run.step(run.position + outwards)
    assert abs(run.position[joint] - limit[joint]) < 1e-3 and abs(run.velocity[joint]) < 1e-3


def test_outside_a_limit_the_arm_may_only_move_inwards():
    start = HOME.copy()
    start[5] = UPPER[5] + 0.03
    run = Run(start)
    outwards = run.step(start + np.array((0, 0, 0, 0, 0, 0.01)))
    assert outwards.reasons and outwards.velocity_rad_s[5] == 0.0
    for _ in range(300):
        run.step(start - np.array((0, 0, 0, 0, 0, 0.5)))
    assert run.position[5] < UPPER[5]


def test_a_step_without_a_seed_is_refused():
    with pytest.raises(RobotError, match='seed'):
        SafetyFilter(LIMITS, KINEMATICS, DT).step(HOME, state(HOME), NOW)


@pytest.mark.parametrize('wrong', [np.full(6, math.nan), np.zeros(5)])
def test_a_seed_that_is_no_position_is_refused(wrong):
    with pytest.raises(RobotError, match='six finite'):
        SafetyFilter(LIMITS, KINEMATICS, DT).seed(wrong)


def test_what_is_returned_and_given_is_not_kept():
    run, asked = Run(), HOME + 1e-6
    result = run.step(asked)
    asked += 1.0
    result.position_rad[:] = 99.0
    run.position = HOME + 1e-6
    assert np.allclose(run.filter.step(None, state(HOME), NOW).position_rad, HOME, atol=1e-4)


def test_a_step_is_fast_enough_for_500_hz():
    run, costs = Run(), []
    for tick in range(400):
        asked = run.position + 0.001 * math.sin(0.05 * tick)
        began = time.perf_counter()
        run.filter.step(asked, state(run.position), NOW)
        costs.append(time.perf_counter() - began)
        run.position = run.filter._position_rad
    # Half a period; the median on the machine this was written on is 0.09 ms.
    assert np.median(costs) < 1e-3
