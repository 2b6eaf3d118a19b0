"""Seeds are trained together and stay apart; a run goes on where it was saved."""

import typing

from perl_core.agents.dqn import AgentName, GateConfig
from perl_core.errors import CheckpointError
import pytest
from safetensors.torch import load_file, save_file
import torch

GATE = GateConfig(warm_up_updates=10, kind='draw')


@pytest.mark.parametrize('name', ['dqn', 'pe'])
def test_a_seed_does_the_same_alone_as_beside_others(agent, course, broken_world, name):
    together, alone = (
        agent(seeds=seeds, agent=name, gate=GATE) for seeds in ((3, 0, 7), (0,))
    )  # fmt: skip
    tracks = course(broken_world, 3), course(broken_world, 1)
    tracks[0].walk(together, 50)
    tracks[1].walk(alone, 50)
    assert torch.equal(together.replay.rows[1:2, :400], alone.replay.rows[:, :400])
    seen = tracks[1].everywhere(alone)
    values = together.q(seen.expand(3, -1, -1))
    assert torch.allclose(values[1:2], alone.q(seen), atol=1e-4)
    assert not torch.allclose(values[0], values[2], atol=1e-2)


@pytest.mark.parametrize('name', typing.get_args(AgentName))
def test_a_run_goes_on_bit_for_bit(agent, course, broken_world, tmp_path, name):
    track, first = course(broken_world, 2), agent(agent=name, gate=GATE)
    track.walk(first, 45)
    save_file(first.state(), tmp_path / 'state.safetensors')
    second = agent(agent=name, gate=GATE)
    second.load_state(load_file(tmp_path / 'state.safetensors'))
    states, generator = track.states.clone(), track.generator.get_state()
    infos = []
    for learner in (first, second):
        track.states = states
        track.generator.set_state(generator)
        infos.append(track.walk(learner, 8))
    for before, after in zip(*infos, strict=True):
        assert before.keys() == after.keys()
        assert all(torch.equal(before[key], after[key]) for key in before)
    mine, other = first.state(), second.state()
    assert mine.keys() == other.keys()
    assert all(torch.equal(mine[key], other[key]) for key in mine)


@pytest.mark.parametrize(
    ('changes', 'named'),
    [({'width': 16}, 'config.width'), ({'seeds': (0, 2)}, 'seeds'), ({'agent': 'pe'}, 'agent'),
     ({'gate': GateConfig(kappa=1.0)}, 'config.gate.kappa')],
)  # fmt: skip
def test_a_checkpoint_of_another_agent_is_refused(agent, changes, named):
    with pytest.raises(CheckpointError, match=named):
        agent(**changes).load_state(agent().state())


def test_something_else_than_a_checkpoint_is_refused(agent):
    with pytest.raises(CheckpointError, match=r'no checkpoint of DQN\.state'):
        agent().load_state({'weights': torch.zeros(1)})
    damaged = agent().state()
    del damaged['counts']
    with pytest.raises(CheckpointError, match='counts'):
        agent().load_state(damaged)
