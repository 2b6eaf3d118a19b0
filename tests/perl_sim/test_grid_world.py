import json

import gymnasium
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
from perl_core.errors import ConfigError
from perl_core.tabular import cells, optimal_q
from perl_sim import GRID_WORLD_ID
from perl_sim.envs.grid_picture import MARGIN_PX, TILE_PX
from perl_sim.envs.grid_world import GridWorldConfig, GridWorldEnv
from perl_sim.envs.vector_grid_world import VectorGridWorld
import pytest

DENSE = GridWorldConfig(obstacle_count=40)
RIGHT, UP, LEFT, DOWN = map(np.int64, range(4))


def tile(picture, cell, size=11):
    top, left = (MARGIN_PX + TILE_PX * (size // 2 + at) for at in (-cell[1], cell[0]))
    return picture[top : top + TILE_PX, left : left + TILE_PX].astype(int)


@pytest.mark.parametrize('config', [
    GridWorldConfig(), DENSE, GridWorldConfig(observed='position_and_cell'),
    GridWorldConfig(penalty_count=40, slip_probability=0.2),
])  # fmt: skip
def test_gymnasium_accepts_it(config, recwarn):
    env = gymnasium.make(GRID_WORLD_ID, config=config, render_mode='rgb_array')
    check_env(env.unwrapped)
    assert [str(w.message) for w in recwarn if 'spec' not in str(w.message)] == []


def test_the_optimal_policy_walks_to_the_goal_and_is_paid_its_value():
    env = GridWorldEnv(DENSE)
    q = optimal_q(env.mdp)
    for seed in range(20):
        _, info = env.reset(seed=seed)
        value, discount, terminated, truncated = 0.0, 1.0, False, False
        expected = q[info['state']].max()
        while not (terminated or truncated):
            _, reward, terminated, truncated, info = env.step(q[info['state']].argmax())
            value, discount = value + discount * reward, discount * 0.95
        assert (terminated, truncated, info['success']) == (True, False, True)
        assert value == pytest.approx(expected)


def test_episodes_start_in_free_cells_and_end_at_the_horizon():
    env = GridWorldEnv(GridWorldConfig(obstacle_count=40, horizon_steps=3))
    barred = {cells(11).index(cell) for cell in env.world.obstacles | {(0, 0)}}
    starts = {env.reset(seed=seed)[1]['state'] for seed in range(400)}
    assert starts & barred == set()
    assert len(starts) > 70
    env.reset(options={'cell': min(set(cells(11)) - env.world.obstacles)})
    assert [env.step(LEFT)[2:4] for _ in range(3)] == [(False, False)] * 2 + [(False, True)]


def test_the_observation_turns_with_the_agent():
    env = GridWorldEnv()
    observation, _ = env.reset(options={'cell': (5, -1)})
    assert np.allclose(observation, (1.0, -0.2))
    assert np.allclose(env.step(UP)[0], (1.0, 0.0))
    seen = GridWorldConfig().observations()
    assert env.observation_space.contains(seen[0])
    assert np.allclose(seen[cells(11).index((-2, 3))], (-0.4, 0.6))
    both = GridWorldConfig(observed='position_and_cell').observations()
    assert (both[:, :2] == seen).all()
    assert (both[:, 2:] == np.eye(121)).all()


def test_layouts_are_nested_and_fixed_by_their_seed():
    worlds = [GridWorldConfig(obstacle_count=n, layout_seed=3).world() for n in (10, 20, 40)]
    assert worlds[0].obstacles < worlds[1].obstacles < worlds[2].obstacles
    paid = GridWorldConfig(penalty_count=40, layout_seed=3).world()
    assert (paid.penalties, paid.obstacles) == (worlds[2].obstacles, frozenset())
    mixed = GridWorldConfig(obstacle_count=10, penalty_count=30, layout_seed=3).world()
    assert mixed.penalties == worlds[2].obstacles - worlds[0].obstacles
    assert GridWorldConfig(obstacle_count=10, layout_seed=4).world() != worlds[0]


def test_the_picture_shows_what_there_is():
    config = GridWorldConfig(obstacle_count=10, penalty_count=10)
    env = GridWorldEnv(config, render_mode='rgb_array')
    free = min(set(cells(11)) - env.world.obstacles - env.world.penalties - {(0, 0)})
    env.reset(options={'cell': free})
    picture = env.render()
    assert picture.shape == (11 * TILE_PX + 2 * MARGIN_PX,) * 2 + (3,)
    assert tile(picture, min(env.world.obstacles)).mean() < 100.0
    red, green, blue = tile(picture, min(env.world.penalties)).mean(axis=(0, 1))
    assert red > green + 10.0 > blue
    red, green, blue = tile(picture, (0, 0)).mean(axis=(0, 1))
    assert green > max(red, blue)
    red, green, blue = tile(picture, free).mean(axis=(0, 1))
    assert blue > max(red, green)
    env.overlay = np.zeros((121, 4))
    assert (env.render() == picture).all()
    env.overlay[cells(11).index(free), RIGHT] = 1.0
    changed = tile(np.abs(env.render().astype(int) - picture), free).sum(axis=(0, 2))
    assert changed[: TILE_PX // 2].sum() == 0 < changed[TILE_PX // 2 :].sum()
    assert GridWorldEnv(config).render() is None


@settings(max_examples=15)
@given(seed=st.integers(0, 1000), slip=st.sampled_from([0.0, 0.3]))
def test_the_vector_steps_along_the_tables(seed, slip):
    configs = [
        GridWorldConfig(
            obstacle_count=20, penalty_count=10, slip_probability=slip, layout_seed=seed + world,
            horizon_steps=7,
        ) for world in range(3)
    ]  # fmt: skip
    vector = VectorGridWorld(configs, copies=4, seed=seed)
    rng = np.random.default_rng(seed)
    elapsed = np.zeros((3, 4))
    for _ in range(30):
        before = vector.states.copy()
        steps = vector.step(rng.integers(4, size=(3, 4)))
        elapsed += 1
        assert (steps.state == before).all()
        for w, (world, mdp) in enumerate(zip(vector.worlds, vector.mdps, strict=True)):
            assert (mdp.transition[before[w], steps.action[w], steps.next_state[w]]
                    > 0.0).all()  # fmt: skip
            assert np.allclose(steps.reward[w], world.entering_reward()[steps.next_state[w]])
            assert set(vector.states[w]) <= set(world.start_states())
        at_goal = steps.next_state == cells(11).index((0, 0))
        assert (steps.terminated == at_goal).all()
        assert (steps.truncated == (~at_goal & (elapsed == 7))).all()
        ended = steps.terminated | steps.truncated
        assert (vector.states[~ended] == steps.next_state[~ended]).all()
        elapsed[ended] = 0


def test_the_vector_slips_as_often_as_the_tables_say():
    config = GridWorldConfig(slip_probability=0.4, horizon_steps=10**6)
    vector = VectorGridWorld([config], copies=4000)
    corner = cells(11).index((4, 4))
    vector.states[:] = corner
    counts = np.bincount(vector.step(np.full((1, 4000), RIGHT)).next_state[0], minlength=121)
    expected = 4000 * vector.mdps[0].transition[corner, RIGHT]
    assert set(np.flatnonzero(counts)) == set(np.flatnonzero(expected))
    assert np.abs(counts - expected).max() < 150.0


def test_a_world_runs_the_same_beside_others_and_after_a_snapshot():
    configs = [GridWorldConfig(obstacle_count=20, slip_probability=0.2, layout_seed=s)
               for s in range(3)]  # fmt: skip
    together, alone = VectorGridWorld(configs, 2), VectorGridWorld(configs[1:2], 2)
    actions = np.random.default_rng(0).integers(4, size=(80, 3, 2))
    for row in actions[:60]:
        assert (together.step(row).next_state[1] == alone.step(row[1:2]).next_state[0]).all()
    again = VectorGridWorld(configs, 2, seed=9)
    again.restore(json.loads(json.dumps(together.snapshot())))
    for row in actions[60:]:
        for first, second in zip(together.step(row), again.step(row), strict=True):
            assert (first == second).all()


@pytest.mark.parametrize(('call', 'message'), [
    (lambda: GridWorldConfig(obstacle_count=-1), 'obstacle_count must be at least 0, got -1'),
    (lambda: GridWorldConfig(horizon_steps=0), 'horizon_steps must be at least 1'),
    (lambda: GridWorldConfig(size=4), 'size must be odd'),
    (lambda: GridWorldConfig(observed='all'), "one of .'position'.*got 'all'"),
    (lambda: GridWorldConfig(size=3, obstacle_count=9), '9 obstacles do not fit'),
    (lambda: GridWorldEnv(render_mode='human'), "'rgb_array' or None, got 'human'"),
    (lambda: GridWorldEnv().step(RIGHT), 'call reset before step'),
    (lambda: GridWorldEnv(DENSE).reset(options={'cell': (0, 0)}), 'a free cell .* got'),
    (lambda: GridWorldEnv(DENSE).reset(options={'cell': (9, 9)}), r'got \(9, 9\)'),
    (lambda: GridWorldEnv(DENSE).reset(options={'start': 1}), "option 'cell'; got"),
    (lambda: VectorGridWorld([], 2), 'copies >= 1 and worlds that share'),
    (lambda: VectorGridWorld([DENSE], 0), 'got 0 copies'),
    (lambda: VectorGridWorld([DENSE, GridWorldConfig(size=5)], 1), 'share size'),
    (lambda: VectorGridWorld([DENSE], 2).step(np.zeros((2, 1), int)), r'of shape \(1, 2\)'),
    (lambda: VectorGridWorld([DENSE], 1).step(np.array([[4]])), r'integers in \[0, 3\]'),
    (lambda: VectorGridWorld([DENSE], 1).step(np.array([[1.0]])), 'of float64'),
    (lambda: VectorGridWorld([DENSE], 1).restore(VectorGridWorld([DENSE], 2).snapshot()),
     r'the snapshot is of \(worlds, copies\) = \(1, 2\)'),
])  # fmt: skip
def test_what_does_not_fit_is_refused_by_name(call, message):
    with pytest.raises(ConfigError, match=message):
        call()


@pytest.mark.parametrize('overlay', [np.zeros((4, 121)), np.full((121, 4), 1.5)])
def test_an_overlay_that_does_not_fit_is_refused(overlay):
    env = GridWorldEnv(render_mode='rgb_array')
    env.reset(seed=0)
    env.overlay = overlay
    with pytest.raises(ConfigError, match=r'shape \(121, 4\) and values in \[0, 1\]'):
        env.render()


@pytest.mark.parametrize('action', [np.int64(4), np.int64(-1), 0.5])
def test_an_action_that_is_none_is_refused(action):
    env = GridWorldEnv()
    env.reset(seed=0)
    with pytest.raises(ConfigError, match=r'integer in \[0, 3\]'):
        env.step(action)
