"""Configuration of deep Q-learning and its symmetric variants."""

import dataclasses
from typing import Literal

from perl_core.errors import ConfigError
from perl_core.fields import require_choice

AgentName = Literal['dqn', 'equivariant', 'residual', 'relaxed', 'augmented', 'pe']
"""How the symmetry is used: not at all; strictly; as a residual-pathway prior (arXiv 2112.01388);
by relaxed weight sharing (arXiv 2411.04225); by turning each transition of a batch; or where a
gate says that it holds (arXiv 2512.00915)."""
GateKind = Literal['threshold', 'draw', 'soft', 'oracle']
"""How lambda becomes a choice: open above 1/2; drawn with its probability (the paper's); not at
all, and both branches are mixed; or given from outside, from the true deviations."""
ClosedCritic = Literal['equivariant', 'residual', 'relaxed']
"""How the critic behind a closed gate uses the symmetry."""
DetectorName = Literal['loss_difference', 'z_score']
"""What labels a pair as broken: the held-out loss difference of the predictors with a confidence
bound, or the z-score of their disagreement (the paper's)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class GateConfig:
    """How the gate of PE-DQN decides and learns."""

    kind: GateKind = 'threshold'
    """How lambda becomes a choice."""
    detector: DetectorName = 'loss_difference'
    """What the gate learns from."""
    reward_head: bool = True
    """Whether the predictors predict the reward too."""
    reward_scale: float = 0.25
    """Standard deviation that the reward head's Gaussian has; smaller counts rewards more."""
    kappa: float = 2.0
    """Of the z-score: standard deviations above the mean of all disagreements."""
    tolerance: float = 0.1
    """Of the loss difference: smallest excess error that matters, in nats (or squared typical
    steps, without outcomes)."""
    confidence: float = 1.0
    """Of the loss difference: spreads of the mean between it and its lower bound."""
    members: int = 4
    """Of the loss difference: bootstrapped estimates, whose spread is that of the mean."""
    prior: float = 0.05
    """Probability that the gate starts with."""
    warm_up_updates: int = 400
    """Updates for which the gate stays closed and only predictors and detector learn."""
    rate: float = 0.05
    """Rate at which the target gate follows."""
    learning_rate: float = 5e-3
    """Of Adam on predictors, detector and gate."""
    every_updates: int = 1
    """Updates of the critic for each one of predictors, detector and gate."""

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            ConfigError: one is unknown or out of bounds.
        """
        require_choice('gate.kind', self.kind, GateKind)
        require_choice('gate.detector', self.detector, DetectorName)
        _require_bounds('gate.', self, _GATE_BOUNDS)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DQNConfig:
    """Deep Q-learning with double targets (arXiv 1509.06461), with or without a symmetry."""

    agent: AgentName = 'dqn'
    """How the symmetry is used."""
    gate: GateConfig = dataclasses.field(default_factory=GateConfig)
    """Of the agent 'pe'."""
    closed_critic: ClosedCritic = 'equivariant'
    """Of 'pe': the network that decides where the gate is closed. The paper's is strict: it gives
    one value to a whole orbit. But the values of states are not invariant once anything is broken
    anywhere, so that it errs even with a perfect gate; the others have an equivariant prior."""
    practice: float = 1.0
    """Of 'pe': weight of the free critic's own loss where the gate is closed. Without it (0, as in
    the paper) a gate that opens would open on values that never learned."""
    shared_trunk: bool = False
    """Whether the two critics of 'pe' share all layers but the last: an ablation."""
    discount: float = 0.95
    """Discount factor per step, in [0, 1)."""
    width: int = 64
    """Units in each hidden layer of every network."""
    depth: int = 2
    """Hidden layers of every network."""
    learning_rate: float = 1e-3
    """Of Adam on the critic."""
    gradient_clip: float = 10.0
    """Largest norm of the gradient of each network of each seed."""
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
        require_choice('agent', self.agent, AgentName)
        require_choice('closed_critic', self.closed_critic, ClosedCritic)
        _require_bounds('', self, _BOUNDS)


_TINY, _HUGE = 1e-12, 1e12
_Bounds = tuple[tuple[tuple[str, ...], float, float], ...]
_GATE_BOUNDS: _Bounds = (
    (('prior',), _TINY, 1.0 - _TINY),
    (('rate',), 0.0, 1.0),
    (('kappa', 'tolerance', 'confidence', 'warm_up_updates'), 0.0, _HUGE),
    (('reward_scale', 'learning_rate'), _TINY, _HUGE),
    (('members',), 2, _HUGE),
    (('every_updates',), 1, _HUGE),
)
"""Fields with the least and the largest value that each may have."""
_BOUNDS: _Bounds = (
    (('width', 'depth', 'batch_size', 'replay_capacity', 'exploration_steps'), 1, _HUGE),
    (('learning_starts',), 0, _HUGE),
    (('target_rate', 'exploration_start', 'exploration_end'), 0.0, 1.0),
    (('discount',), 0.0, 1.0 - _TINY),
    (('practice',), 0.0, _HUGE),
    (('learning_rate', 'gradient_clip'), _TINY, _HUGE),
)


def _require_bounds(prefix: str, config: object, bounds: _Bounds) -> None:
    for names, low, high in bounds:
        for name in names:
            if not low <= getattr(config, name) <= high:
                raise ConfigError(
                    f'{prefix}{name} must be in [{low}, {high}], got {getattr(config, name)}'
                )
