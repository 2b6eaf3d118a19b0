"""Deep Q-learning on discrete actions, with every way of using a symmetry."""

from perl_core.agents.dqn.agent import DQN
from perl_core.agents.dqn.config import (
    AgentName,
    ClosedCritic,
    DetectorName,
    DQNConfig,
    GateConfig,
    GateKind,
)
from perl_core.agents.dqn.gate import Oracle
from perl_core.agents.dqn.outcomes import Outcomes
from perl_core.agents.dqn.replay import Batch, StackedReplay
from perl_core.agents.dqn.walking import walk

__all__ = [
    'DQN',
    'AgentName',
    'Batch',
    'ClosedCritic',
    'DQNConfig',
    'DetectorName',
    'GateConfig',
    'GateKind',
    'Oracle',
    'Outcomes',
    'StackedReplay',
    'walk',
]
