"""Deep Q-learning on discrete actions, with every way of using a symmetry."""

from perl_core.agents.dqn.agent import DQN
from perl_core.agents.dqn.config import AgentName, DetectorName, DQNConfig, GateConfig, GateKind
from perl_core.agents.dqn.gate import Oracle
from perl_core.agents.dqn.outcomes import Outcomes
from perl_core.agents.dqn.replay import Batch, StackedReplay

__all__ = [
    'DQN',
    'AgentName',
    'Batch',
    'DQNConfig',
    'DetectorName',
    'GateConfig',
    'GateKind',
    'Oracle',
    'Outcomes',
    'StackedReplay',
]
