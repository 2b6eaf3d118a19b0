from pathlib import Path
import re
import runpy

import gymnasium
from perl_core.agents.dqn import DQN, DQNConfig, walk
from perl_core.errors import ConfigError
from perl_core.symmetry import group_named, regular, sign, trivial
import pytest
import torch

PAGE = Path(__file__).parents[3] / 'docs' / 'pe_dqn.md'
Z2 = group_named('Z2')


def poles(count=4, mode='SameStep'):
    return gymnasium.make_vec('CartPole-v1', count, 'sync', vector_kwargs={'autoreset_mode': mode})


def test_code_of_the_page_runs(tmp_path):
    (block,) = re.findall(r'^```python\n(.*?)^```', PAGE.read_text(), flags=re.S | re.M)
    script = tmp_path / 'page.py'
    script.write_text(block)
    names = runpy.run_path(str(script))
    assert names['agent'].updates > 0
    assert names['info']['critic/loss'].shape == (2,)


def test_the_page_names_every_choice():
    text = PAGE.read_text()
    from perl_core.agents.dqn import config

    for choices in (config.AgentName, config.GateKind, config.DetectorName, config.ClosedCritic):
        for name in choices.__args__:
            assert f"'{name}'" in text


def test_what_is_remembered_ends_where_the_episode_did():
    agent = DQN(DQNConfig(learning_starts=10_000), 4 * sign(Z2), regular(Z2), [0, 1])
    for _ in walk(agent, poles(), 100, seed=3):
        pass
    rows = agent.replay.rows[:, : len(agent.replay)]
    seen, after, ended = rows[..., :4], rows[..., 4:8], rows[..., -1] == 1.0
    assert ended.sum() > 10
    # The mirror image of a fall is a fall: beyond 12 degrees or 2.4 m, never a fresh start.
    assert ((after[..., 2].abs() > 0.209) | (after[..., 0].abs() > 2.4))[ended].all()
    assert torch.allclose(after[..., 0], seen[..., 0] + 0.02 * seen[..., 1], atol=1e-5)


@pytest.mark.parametrize(
    ('environment', 'actions', 'named'),
    [(lambda: poles(mode='NextStep'), regular(Z2), 'SameStep'),
     (lambda: poles(3), regular(Z2), '3 environments'),
     (lambda: poles(), 3 * trivial(Z2), '3 discrete actions.*Discrete')],
)  # fmt: skip
def test_an_environment_that_does_not_fit_is_refused(environment, actions, named):
    agent = DQN(DQNConfig(), 4 * sign(Z2), actions, [0, 1])
    with pytest.raises(ConfigError, match=named):
        next(walk(agent, environment(), 1))
