"""Configuration of deep Q-learning and its symmetric variants."""

import dataclasses
from typing import Literal, get_args

from perl_core.errors import ConfigError

AgentName = Literal['dqn', 'equivariant', 'residual', 'relaxed', 'augmented', 'pe']
"""How the symmetry is used: not at all, strictly, as a residual-pathway prior, by relaxed weight
sharing, by turning each transition of a batch, or where a gate says that it holds."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DQNConfig:
    """Deep Q-learning with double targets (arXiv 1509.06461)."""

    agent: AgentName = 'dqn'
    """How the symmetry is used."""
    discount: float = 0.95
    """Discount factor per step, in [0, 1)."""
    width: int = 64
    """Units in each hidden layer of every network."""
    depth: int = 2
    """Hidden layers of every network."""
    learning_rate: float = 1e-3
    """Of Adam."""
    gradient_clip: float = 10.0
    """Largest norm of the gradient of each seed's networks."""
    target_rate: float = 0.01
    """Rate at which the target network follows, for each update."""
    batch_size: int = 64
    """Transitions in an update, for each seed."""
    replay_capacity: int = 50_000
    """Transitions kept, for each seed."""
    learning_starts: int = 1000
    """Transitions before the first update, for each seed; actions are random until then."""
    exploration_start: float = 1.0
    """Chance of a random action at the first step."""
    exploration_end: float = 0.05
    """Chance of a random action from the end of the schedule on."""
    exploration_steps: int = 20_000
    """Environment steps of each seed over which the chance falls linearly."""

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            ConfigError: one is unknown or out of bounds.
        """
        if self.agent not in get_args(AgentName):
            raise ConfigError(
                f'unknown agent {self.agent!r}; known agents: {list(get_args(AgentName))}'
            )
        for names, low, high in _BOUNDS:
            for name in names:
                if not low <= getattr(self, name) <= high:
                    raise ConfigError(
                        f'{name} must be in [{low}, {high}], got {getattr(self, name)}'
                    )


_TINY, _HUGE = 1e-12, 1e12
_BOUNDS = (
    (('width', 'depth', 'batch_size', 'replay_capacity', 'exploration_steps'), 1, _HUGE),
    (('learning_starts',), 0, _HUGE),
    (('target_rate', 'exploration_start', 'exploration_end'), 0.0, 1.0),
    (('discount',), 0.0, 1.0 - _TINY),
    (('learning_rate', 'gradient_clip'), _TINY, _HUGE),
)
"""Fields with the least and the largest value that each may have."""
