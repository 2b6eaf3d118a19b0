import dataclasses
import math
import time

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
import numpy as np
from perl_core.action import Command, joint_velocity_target, plan_segment, stoppable_velocity
from perl_core.contract import Contract
from perl_core.errors import RobotError
from perl_core.kinematics import Kinematics
from perl_core.robot_state import RobotState
from perl_safety.clearance import Clearances
from perl_safety.filter import SafetyFilter
from perl_safety.limits import Obstacle, Plane, load_limits
from perl_safety.rules import BORDERS
from perl_safety.rules.facts import ALL_WELL, LoopFacts
from perl_safety.severity import Severity
from perl_safety.stop_ramp import ramp_positions
import pytest

CONTRACT = Contract()
LIMITS = load_limits()
CROWDED = dataclasses.replace(
    LIMITS,
    obstacles=(
        Obstacle(name='divider', centre_base_m=(-0.66, -0.13, 0.2),
                 half_size_m=(0.2, 0.02, 0.2), min_distance_m=0.01),
        Obstacle(name='post', centre_base_m=(-0.2, -0.5, 0.3), half_size_m=(0.05, 0.05, 0.3),
                 min_distance_m=0.01),
    ),
    planes=(Plane(name='wall', inward_base=(1.0, 0.2, 0.0), offset_m=-0.75),),
)  # fmt: skip
KINEMATICS = Kinematics()
DT = CONTRACT.control_period_s
HOME = np.array(CONTRACT.home_rad)
LOWER, UPPER = np.array(LIMITS.joint_lower_rad), np.array(LIMITS.joint_upper_rad)
SPEED, ACCELERATION = LIMITS.max_joint_speed_rad_s, LIMITS.max_joint_acceleration_rad_s2
JERK = LIMITS.max_joint_jerk_rad_s3
NOW = 10**12
ROUNDING = 1e-5
"""Relative: of limits that are differences of positions over the period."""


def state(position, **changes):
    values = {
        'controller_time_s': 1.0, 'fresh_ns': NOW, 'joint_position_rad': np.array(position),
        'joint_velocity_rad_s': np.zeros(6), 'robot_mode': 7, 'safety_mode': 1,
        'safety_status_bits': 1, 'runtime_state': 2, 'speed_scaling': 1.0,
    }
    return RobotState(**{**values, **changes})


def make(position=HOME, limits=LIMITS):
    made = SafetyFilter(limits, KINEMATICS, DT)
    made.seed(position)
    return made


def borders(limits):
    return Clearances(Kinematics(), [row for rule in BORDERS for row in rule(limits)])


OF = {
    'open': LIMITS,
    'crowded': CROWDED,
    'empty': dataclasses.replace(
        LIMITS, workspace_radius_m=1.8, min_tool_height_base_m=-1.0, min_link_height_base_m=-1.0,
        min_elbow_height_base_m=-1.0, min_singular_sine=0.0, min_axis_distance_m=0.0,
    ),
}
CLEARANCES = {scene: borders(limits) for scene, limits in OF.items()}


def tool_speed(position, velocity):
    _, jacobian = KINEMATICS.tool_pose_and_jacobian(position)
    return float(np.linalg.norm(jacobian[:3] @ velocity))


def check_motion(positions, last, scene):
    """Check commands that follow (position, velocity, acceleration) against every limit."""
    position, velocity, acceleration = last
    rows = np.vstack((position, positions))
    velocities = np.vstack((velocity, np.diff(rows, axis=0) / DT))
    accelerations = np.vstack((acceleration, np.diff(velocities, axis=0) / DT))
    jerks = np.diff(accelerations, axis=0) / DT
    assert np.isfinite(positions).all()
    assert np.abs(velocities[1:]).max() <= SPEED * (1 + ROUNDING)
    assert np.abs(accelerations[1:]).max() <= ACCELERATION * (1 + ROUNDING)
    assert np.abs(jerks).max() <= JERK * (1 + ROUNDING)
    lower, upper = np.minimum(LOWER, position), np.maximum(UPPER, position)
    assert (positions >= lower - 1e-9).all() and (positions <= upper + 1e-9).all()
    for at, moving in zip(rows[1::5], velocities[1::5], strict=True):
        assert tool_speed(at, moving) <= LIMITS.max_tool_speed_m_s * (1 + ROUNDING)
    clearances = CLEARANCES[scene]
    value = clearances.at(positions[::5]).value
    least = np.minimum(clearances.at(position[None]).value[0], 0.0) - 0.005 * (
        clearances.at(position[None]).value[0] < 0.0
    )
    assert (value >= least - 1e-9).all(), [
        clearances.rows[index].reason for index in np.flatnonzero((value < least).any(axis=0))
    ]
    return positions[-1], velocities[-1], accelerations[-1]


class Run:
    """Steps a filter whose robot follows exactly; ``check`` looks at all its outputs."""

    def __init__(self, position=HOME, scene='open'):
        self.filter = make(position, OF[scene])
        self.scene = scene
        self.position, self.velocity = np.array(position), np.zeros(6)
        self.acceleration = np.zeros(6)
        self.checked = self.last
        self.sent = []

    @property
    def last(self):
        return self.position, self.velocity, self.acceleration

    def step(self, asked, facts=ALL_WELL, **changes):
        was_latched = self.filter.latched
        result = self.filter.step(
            asked, state(self.position)._replace(**changes), NOW, facts
        )
        assert self.filter.latched[: len(was_latched)] == was_latched
        if self.filter.latched:
            assert result.severity is Severity.STOP
        if result.severity is not Severity.PASS:
            assert result.reasons
        elif asked is not None:
            assert result.position_rad.tobytes() == np.asarray(asked).tobytes()
        self.sent.append(result.position_rad)
        self.position, self.velocity, _, _, self.acceleration = result
        return result

    def check(self):
        """Check all commands since the last check."""
        if self.sent:
            came = check_motion(np.array(self.sent), self.checked, self.scene)
            assert np.allclose(came[1], self.velocity, atol=1e-9)
            assert np.allclose(came[2], self.acceleration, atol=1e-5)
        self.checked, self.sent = self.last, []

    def check_ramp(self):
        """Check the ramp that would follow if everything else failed from now on."""
        ramp = self.filter._ramp_rad
        left = (
            ramp_positions(self.filter._ramp, self.filter._braking)
            if ramp is None else ramp[self.filter._ramp_tick :]
        )
        if len(left):
            _, velocity, _ = check_motion(left, self.last, self.scene)
            assert not velocity.any()


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
    unit.map(lambda v: ('plan', v)),
    st.just(('absolute', np.zeros(5))),
)
moving_wishes = st.one_of(
    unit.map(lambda v: ('offset', v)),
    unit.map(lambda v: ('plan', v)),
    unit.map(lambda v: ('cruise', v)),
    unit.map(lambda v: ('flip', v)),
    st.just(None),
)
faults = st.one_of(
    *[st.just({})] * 12,
    st.just({'fresh_ns': NOW - int(0.06e9)}),
    st.just({'fresh_ns': NOW - int(0.2e9)}),
    st.integers(0, 2**12).map(lambda bits: {'safety_status_bits': bits}),
    st.just({'joint_position_rad': np.full(6, np.nan)}),
    st.just({'joint_velocity_rad_s': np.full(3, 0.0)}),
    st.just({'facts': LoopFacts(goal_age_s=9.0)}),
    st.just({'speed_scaling': math.nan}),
    unit.map(lambda v: {'joint_position_rad': HOME + v}),
)
pieces = st.lists(st.tuples(wishes, faults, st.integers(1, 80)), min_size=1, max_size=8)


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
    if kind == 'plan':
        return plan_segment(2.0 * value, Command(*run.last), CONTRACT).position_rad[0]
    return run.position - np.sign(run.velocity) * np.abs(value)


def inside(start, scene):
    """Return the place nearest to ``start``, on the way from home, that is inside all borders."""
    share = 1.0
    while CLEARANCES[scene].at((HOME + share * start)[None]).value.min() < 1e-3:
        share *= 0.7
    return HOME + share * start


scenes = st.sampled_from(('open', 'crowded'))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(pieces, unit, scenes)
def test_no_sequence_of_wishes_and_states_breaks_a_limit(sequence, start, scene):
    run = Run(inside(1.5 * start, scene), scene)
    for wish, changes, ticks in sequence:
        for _ in range(ticks):
            run.step(asked_of(wish, run), **changes)
        run.check()
        run.check_ramp()
    latched = run.filter.latched
    for _ in range(int((SPEED / ACCELERATION + 3 * ACCELERATION / JERK) / DT) + 2):
        result = run.step(None)
    assert not result.velocity_rad_s.any(), 'it comes to rest within the time of braking'
    assert run.filter.latched[: len(latched)] == latched
    assert (run.step(None).position_rad == result.position_rad).all()
    run.check()


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(moving_wishes, st.integers(1, 150)), min_size=1, max_size=5), unit, scenes
)
def test_whoever_pushes_towards_a_border_can_still_stop(sequence, start, scene):
    run = Run(inside(1.5 * start, scene), scene)
    for wish, ticks in sequence:
        for tick in range(ticks):
            run.step(asked_of(wish, run))
            if tick % 40 == 0:
                run.check_ramp()
        run.check()


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
            wanted = np.array((0, 0, 0, 0, 0, sign * 2.0))
            velocity = stoppable_velocity(wanted, command, CONTRACT)
            segment = plan_segment(velocity, command, CONTRACT)
            for target in segment.position_rad:
                assert filtered.step(target, state(target), NOW).severity is Severity.PASS
            command = segment.last
    assert command.position_rad[5] < -6.0


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


@pytest.mark.parametrize(('facts', 'reason'), [
    (LoopFacts(goal_age_s=LIMITS.goal_stop_age_s + 0.1), 'stale_goal'),
    (LoopFacts(skipped_cycles=26), 'overrun'),
    (LoopFacts(tool_force_n=81.0), 'tool_force'),
    (LoopFacts(tool_force_n=math.nan), 'tool_force'),
])
def test_what_the_loop_knows_stops_the_arm_by_name(facts, reason):
    run = Run()
    for _ in range(40):
        run.step(run.position + 0.002, LoopFacts(0.1, 5, 20.0))
    assert not run.filter.latched
    assert run.step(run.position, facts).reasons == (reason,)
    for _ in range(200):
        result = run.step(run.position)
    assert not result.velocity_rad_s.any()
    run.check()


def test_the_speed_slider_slows_the_arm():
    run = Run()
    for slider in (1.0, 0.3, 0.0):
        for _ in range(200):
            result = run.step(
                run.position + np.array((0, 0, 0, 0, 0, 0.6)), speed_scaling=slider
            )
        fastest = slider * SPEED * (1.0 + ROUNDING)
        assert 0.97 * fastest <= result.velocity_rad_s[5] <= fastest
    run.check()


def test_a_solver_that_fails_leaves_the_ramp_that_was_verified(monkeypatch):
    run = Run(scene='crowded')
    monkeypatch.setattr(run.filter._pursuit._programme, 'solve', lambda problem: None)
    reasons = set()
    for _ in range(400):
        reasons.update(run.step(run.position + np.array((0, 0.05, 0.02, 0, 0, 0))).reasons)
    assert 'no_solution' in reasons
    run.check()
    run.check_ramp()


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
    run, goal = Run(), HOME + np.array((0.06, 0.05, -0.04, 0.1, -0.2, 0.25))
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
    assert {'step', 'jerk'} & reasons
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
    run = Run(start, 'empty')
    for _ in range(700):
        result = run.step(run.position + outwards)
    run.check()
    if any('self_collision' in reason for reason in result.reasons):
        return
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
        result = run.filter.step(asked, state(run.position), NOW)
        costs.append(time.perf_counter() - began)
        run.position = result.position_rad
    # Half a period; perl_safety.bench measures it on a quiet machine.
    assert np.median(costs) < 1e-3
