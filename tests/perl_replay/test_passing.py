"""What is called sure to pass, the filter passes; and no rule of the filter is left out."""

from pathlib import Path
from types import SimpleNamespace

from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
from perl_core.contract import Contract
from perl_core.kinematics import Kinematics
from perl_core.robot_state import RobotState
from perl_replay import filter_replay, passing
from perl_replay.bag import Bag
from perl_replay.filter_replay import FilterReplay
from perl_replay.passing import KNOWN, Commands, Passing
from perl_replay.topics import COMMAND
from perl_safety.filter import SafetyFilter
from perl_safety.limits import load_limits
from perl_safety.rules import BOUNDING, STOPPING
from perl_safety.severity import Severity
import pytest

LIMITS, KINEMATICS, CONTRACT = load_limits(), Kinematics(), Contract()
HOME = np.array(CONTRACT.home_rad)
PERIOD_S = CONTRACT.policy_period_s
BAG = Path(__file__).parents[1] / 'bags' / 'reach'
PASSING = Passing(LIMITS, KINEMATICS, PERIOD_S, STOPPING)
SITUATION = SimpleNamespace(
    state=3, robot_mode=7, safety_mode=1, safety_status_bits=1, runtime_state=2
)


@pytest.fixture(scope='module')
def recorded():
    """Return what was recorded of the commands: asked, sent, measured, shape (n, 3, 6)."""
    return np.array([
        (message.data.asked_rad, message.data.sent_rad, message.data.measured_rad)
        for message in Bag(BAG).messages([COMMAND])
    ])


def rows_of(rng, spread):
    """Return commands around places and speeds that are anywhere, or near a limit."""
    count = 12
    before = HOME + rng.choice([0.3, 1.0, 2.0]) * rng.normal(size=(1, 6))
    before = before + 0.02 * rng.normal(size=(count, 6))
    velocity = spread * rng.normal(size=(count, 6))
    change = rng.choice([0.0, 0.1, 0.5], size=(count, 1)) * rng.normal(size=(count, 6))
    return Commands(
        before + PERIOD_S * (velocity + change),
        before + rng.choice([0.0, 0.1], size=(count, 1)) * rng.normal(size=(count, 6)),
        before, velocity, rng.random(count) < 0.9,
    )


def verdicts(filter_, commands):
    """Return what the filter says to each."""
    for asked, measured, before, velocity, normal in zip(*commands, strict=True):
        state = RobotState(
            0.0, 0, measured, np.zeros(6), 7 if normal else 3, 1, 1, 2, 1.0
        )
        filter_.seed(before, velocity)
        yield filter_.step(asked, state, 0).severity
        filter_.reset()


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.05, 0.3, 0.8]))
@settings(max_examples=60)
def test_the_filter_passes_what_surely_passes_whatever_it_has_seen(seed, spread):
    rng = np.random.default_rng(seed)
    commands = rows_of(rng, spread)
    sure = PASSING.surely(commands)
    for order in (np.arange(len(sure)), rng.permutation(len(sure))):
        said = list(verdicts(
            SafetyFilter(LIMITS, KINEMATICS, PERIOD_S),
            [values[order] for values in commands],
        ))
        assert all(
            severity is Severity.PASS for severity, passes in zip(said, sure[order], strict=True)
            if passes
        )


def figures_of(commands, *, shortcut):
    """Return the figures of commands, with the shortcut or with the filter alone."""
    made = FilterReplay(LIMITS, KINEMATICS, CONTRACT, 0)
    if not shortcut:
        made._passing = SimpleNamespace(surely=lambda rows: np.zeros(len(rows[0]), dtype=bool))
    made.add_controller(SITUATION)
    for period, (asked, sent, measured) in enumerate(commands):
        made.add_command(SimpleNamespace(
            tick=20 * period, asked_rad=asked, sent_rad=sent, measured_rad=measured,
            limited=False,
        ), period * 40_000_000)
    return made.figures()


def test_nearly_all_of_a_recorded_run_surely_passes(recorded, monkeypatch):
    asked = []
    whole = FilterReplay._judge
    monkeypatch.setattr(
        FilterReplay, '_judge', lambda self, row: (asked.append(row), whole(self, row))
    )
    figures = figures_of(recorded, shortcut=True)
    assert figures.commands > 250
    assert len(asked) < 0.02 * figures.commands


@pytest.mark.parametrize('spread_rad', [0.0, 1e-4, 3e-3, 0.02, 0.2])
def test_figures_are_those_of_the_filter_alone(recorded, spread_rad):
    rng = np.random.default_rng(1)
    commands = recorded + spread_rad * rng.normal(size=recorded.shape)
    alone = figures_of(commands, shortcut=False)
    assert figures_of(commands, shortcut=True) == alone
    assert alone.commands > 250
    assert alone.passed < alone.commands or spread_rad < 3e-3


@pytest.mark.parametrize('joint', [1, 2, 4])
def test_figures_are_those_of_the_filter_alone_up_to_every_border(joint):
    """The arm drives from home across joint limits, the table and singularities."""
    way = np.zeros((160, 1, 6))
    way[:, 0, joint] = 0.02 * np.arange(160) * (1 if joint % 2 else -1)
    commands = np.repeat(HOME + way, 3, axis=1)
    alone = figures_of(commands, shortcut=False)
    assert figures_of(commands, shortcut=True) == alone
    assert 0 < alone.passed < alone.commands


def test_what_is_not_finite_or_not_well_is_not_sure():
    rest = np.repeat(HOME[None], 4, axis=0)
    wrong = rest.copy()
    wrong[1, 2] = np.nan
    well = np.array([True, True, True, False])
    commands = Commands(wrong, rest, rest, np.zeros((4, 6)), well)
    assert PASSING.surely(commands).tolist() == [True, False, True, False]


def test_every_rule_of_the_filter_is_looked_after():
    names = {rule.__name__ for rule in (*STOPPING, *BOUNDING)}
    assert names == KNOWN, (
        'the rules of the filter have changed: look after them in perl_replay.passing, or what '
        'a replay says of a recording is no longer quick'
    )


@pytest.mark.parametrize(('stopping', 'bounding'), [(1, 0), (0, 1)])
def test_with_a_rule_that_is_not_known_nothing_is_sure(stopping, bounding, monkeypatch):
    def another(_seen):
        return None

    monkeypatch.setattr(passing, 'BOUNDING', (*BOUNDING, *[another] * bounding))
    made = Passing(LIMITS, KINEMATICS, PERIOD_S, (*STOPPING, *[another] * stopping))
    rest = np.repeat(HOME[None], 2, axis=0)
    commands = Commands(rest, rest, rest, np.zeros((2, 6)), np.ones(2, dtype=bool))
    assert PASSING.surely(commands).all()
    assert not made.surely(commands).any()


def test_a_border_that_is_added_is_looked_after_as_it_is(monkeypatch):
    from perl_safety.arm_shape import TOOL
    from perl_safety.clearance import HalfSpace

    def ceiling(_limits):
        return [HalfSpace('ceiling', TOOL, (0.0, 0.0, 0.0), (0.0, 0.0, -1.0), 0.0)]

    monkeypatch.setattr(passing, 'BORDERS', (*passing.BORDERS, ceiling))
    rest = HOME[None]
    commands = Commands(rest, rest, rest, np.zeros((1, 6)), np.ones(1, dtype=bool))
    assert not Passing(LIMITS, KINEMATICS, PERIOD_S, STOPPING).surely(commands).any()


def test_commands_are_judged_in_batches_without_loss(recorded, monkeypatch):
    whole = figures_of(recorded, shortcut=True)
    monkeypatch.setattr(filter_replay, '_BATCH', 7)
    assert figures_of(recorded, shortcut=True) == whole
