from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
from perl_core.errors import ConfigError
from perl_core.tabular import (
    GridWorld,
    bellman,
    blend,
    broken_pairs,
    cells,
    gated_error_bound,
    group_average,
    half_span,
    invariance_error,
    one_step_bound,
    optimal_q,
    quarter_turns,
    reward_deviation,
    scattered_obstacles,
    transition_deviation,
)
import pytest

SEEDS = st.integers(0, 2**31)
RIGHT, UP, LEFT, DOWN = range(4)


def successors(world, cell, action):
    """Where an action leads, as {cell: probability}."""
    row = world.mdp().transition[cells(world.size).index(cell), action]
    return {cells(world.size)[s]: float(row[s]) for s in np.flatnonzero(row)}


def random_world(seed, count=8, size=7):
    rng = np.random.default_rng(seed)
    return GridWorld(
        size=size, obstacles=scattered_obstacles(size, count, rng), discount=0.9,
        slip_probability=float(rng.choice([0.0, 0.3])), step_reward=-0.1,
    )  # fmt: skip


def test_moves_walls_obstacles_and_the_goal():
    world = GridWorld(size=5, obstacles=frozenset({(1, 1)}))
    assert successors(world, (0, 1), UP) == {(0, 2): 1.0}
    assert successors(world, (0, 1), RIGHT) == {(0, 1): 1.0}
    assert successors(world, (0, 2), UP) == {(0, 2): 1.0}
    assert successors(world, (0, 0), LEFT) == {(0, 0): 1.0}
    assert successors(world, (1, 1), DOWN) == {(1, 0): 1.0}


def test_slips_go_to_both_sides():
    world = GridWorld(size=5, slip_probability=0.2)
    expected = {(2, 1): 0.8, (1, 2): 0.1, (1, 0): 0.1}
    assert successors(world, (1, 1), RIGHT) == pytest.approx(expected)


def test_rewards_are_for_the_cell_that_is_entered():
    world = GridWorld(size=5, penalties=frozenset({(1, 1)}), step_reward=-0.1, goal_reward=2.0)
    reward = world.mdp().reward
    index = {cell: state for state, cell in enumerate(cells(5))}
    assert reward[index[0, 1]] == pytest.approx([-0.5, -0.1, -0.1, 2.0])
    assert reward[index[0, 0]].tolist() == [0.0] * 4


def test_an_agent_starts_in_free_cells_other_than_the_goal():
    world = GridWorld(size=3, obstacles={(1, 1)}, penalties={(0, 1)}, step_reward=-0.1)
    starts = [cells(3)[state] for state in world.start_states()]
    assert sorted(starts) == sorted(set(cells(3)) - {(0, 0), (1, 1)})
    entering = dict(zip(cells(3), world.entering_reward(), strict=True))
    assert (entering[0, 0], entering[0, 1], entering[1, 0]) == (1.0, -0.5, -0.1)


def test_the_value_of_a_free_world_is_the_distance_to_the_goal():
    value = optimal_q(GridWorld(size=7, discount=0.9).mdp()).max(axis=1)
    expected = [0.9 ** (abs(x) + abs(y) - 1) if (x, y) != (0, 0) else 0.0 for x, y in cells(7)]
    assert np.allclose(value, expected)


def test_quarter_turns_turn_cells_and_moves():
    turns = quarter_turns(5)
    assert turns.order == 4
    index = {cell: state for state, cell in enumerate(cells(5))}
    images = {
        (cells(5)[states[index[2, 1]]], int(actions[index[2, 1], RIGHT]))
        for states, actions in zip(
            turns.state_permutations, turns.action_permutations, strict=True
        )
    }
    assert images == {((2, 1), RIGHT), ((-1, 2), UP), ((-2, -1), LEFT), ((1, -2), DOWN)}
    # One fixed cell, and six orbits of four.
    assert np.unique(turns.state_orbits, return_counts=True)[1].tolist().count(4) == 6
    assert (turns.state_permutations[:, index[0, 0]] == index[0, 0]).all()


@pytest.mark.parametrize('slip_probability', [0.0, 0.3])
def test_a_free_world_is_symmetric_and_each_fault_breaks_it(slip_probability):
    turns = quarter_turns(5)

    def error(**changes):
        world = GridWorld(size=5, slip_probability=slip_probability, **changes)
        return invariance_error(world.mdp(), turns)

    ring = frozenset({(2, 1), (-1, 2), (-2, -1), (1, -2)})
    assert error() < 1e-14
    assert error(obstacles=ring) < 1e-14
    assert error(penalties=ring) < 1e-14
    assert error(obstacles=frozenset({(2, 1)})) > 0.1
    assert error(penalties=frozenset({(2, 1)})) > 0.1
    assert error(goal=(1, 0)) > 0.1


def test_the_break_is_where_the_fault_is_or_where_it_is_turned_to():
    turns = quarter_turns(7)
    near = {(2, 0), (2, 2), (1, 1), (3, 1)}
    orbit = near | {(-y, x) for x, y in near} | {(-x, -y) for x, y in near}
    orbit |= {(y, -x) for x, y in near}
    blocked = GridWorld(size=7, obstacles=frozenset({(2, 1)})).mdp()
    averaged = group_average(blocked, turns)
    broken = broken_pairs(blocked, averaged)
    assert {cells(7)[state] for state in np.flatnonzero(broken.any(axis=1))} == orbit
    assert broken.sum() == 16
    assert set(transition_deviation(blocked, averaged)[broken].round(9)) == {0.25, 0.75}
    paid = GridWorld(size=7, penalties=frozenset({(2, 1)})).mdp()
    averaged = group_average(paid, turns)
    assert (transition_deviation(paid, averaged) < 1e-12).all()
    assert {cells(7)[s] for s in np.argwhere(reward_deviation(paid, averaged) > 0)[:, 0]} == orbit


@settings(max_examples=25)
@given(seed=SEEDS)
def test_the_bounds_hold_for_random_worlds_and_gates(seed):
    true = random_world(seed).mdp()
    averaged = group_average(true, quarter_turns(7))
    q = optimal_q(true)
    delta = one_step_bound(true, averaged, half_span(q))
    assert (np.abs(bellman(true, q) - bellman(averaged, q)) <= delta + 1e-10).all()
    gates = np.random.default_rng(seed).uniform(0.0, 1.0, true.shape)
    oracle = broken_pairs(true, averaged).astype(float)
    for gate in (np.zeros(true.shape), gates, oracle, gates * oracle):
        error = np.abs(optimal_q(blend(true, averaged, gate)) - q).max()
        assert error <= gated_error_bound(delta, gate, 0.9) + 1e-10
    assert np.abs(optimal_q(blend(true, averaged, oracle)) - q).max() < 1e-10


@given(seed=SEEDS, count=st.integers(0, 20))
def test_scattered_obstacles_leave_the_goal_reachable(seed, count):
    obstacles = scattered_obstacles(7, count, np.random.default_rng(seed))
    assert len(obstacles) == count
    assert (optimal_q(GridWorld(size=7, obstacles=obstacles).mdp()).max(axis=1) > 0.0).sum() >= (
        48 - count
    )


def test_the_same_seed_draws_the_same_obstacles():
    draws = [scattered_obstacles(11, 40, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'size': 4}, 'size must be odd and at least 3, got 4'),
        ({'size': 1}, 'got 1'),
        ({'slip_probability': 1.1}, r'slip_probability must be in \[0, 1.0\], got 1.1'),
        ({'discount': 1.0}, 'discount must be in .* got 1.0'),
        ({'goal_reward': float('nan')}, 'goal_reward must be finite, got nan'),
        ({'obstacles': {(3, 0)}}, r'obstacles must be .* within \+-2 on both axes, got \(3, 0\)'),
        ({'penalties': {(0, -3)}}, r'penalties must be .* got \(0, -3\)'),
        ({'goal': (9, 9)}, r'goal must be .* got \(9, 9\)'),
        ({'obstacles': {(0, 0)}}, r'obstacles and goal must not share cells, got \(0, 0\)'),
        ({'obstacles': {(1, 0)}, 'penalties': {(1, 0)}}, 'obstacles and penalties must not share'),
        ({'obstacles': {(1, 2), (2, 1)}}, r'not from 1, among them \(2, 2\)'),
    ],
)
def test_impossible_worlds_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        GridWorld(**({'size': 5} | changes))


def test_more_obstacles_than_fit_are_refused():
    with pytest.raises(ConfigError, match='9 obstacles do not fit in a connected 3 x 3 grid'):
        scattered_obstacles(3, 9, np.random.default_rng(0))
    with pytest.raises(ConfigError, match='must not be negative, got -1'):
        scattered_obstacles(3, -1, np.random.default_rng(0))
