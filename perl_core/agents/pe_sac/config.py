"""Configuration of PE-SAC."""

import dataclasses
from typing import Literal

from perl_core.errors import ConfigError
from perl_core.gate import GateConfig
from perl_core.layers import StandardTrunk


@dataclasses.dataclass(frozen=True, kw_only=True)
class PESACConfig:
    """Everything that shapes the agent."""

    branches: Literal['both', 'equivariant', 'standard'] = 'both'
    """'both': the gate decides (PE-SAC). 'equivariant': always closed (strictly equivariant SAC).
    'standard': always open (plain SAC)."""
    standard_trunk: StandardTrunk = 'relaxed'
    """Network of the standard branch: 'relaxed' sees the same geometry as the equivariant one,
    beside everything else; 'plain' is an ordinary MLP."""
    width: int = 128
    """Units in each hidden layer of actor and critic."""
    depth: int = 2
    """Hidden layers of actor and critic."""
    predictor_width: int = 128
    """Units in each of the two hidden layers of predictors and detector."""
    detector: Literal['loss_difference', 'welford'] = 'loss_difference'
    """Which detector labels broken transitions."""
    kappa: float = 1.0
    """Detector's threshold: standard deviations (welford) or spreads (loss_difference)."""
    tolerance: float = 0.05
    """loss_difference only: smallest excess error that counts, in typical steps."""
    gate: GateConfig = dataclasses.field(default_factory=GateConfig)
    """How the gate learns."""
    symmetry_every: int = 4
    """Predictors, detector and gate learn at every n-th update."""
    reward_scale: float = 1.0
    """Factor on the reward."""
    discount: float = 0.95
    """Of one policy period. The reward is dense: a longer view makes values large beside what one
    action changes, and the last millimetres are lost in their error."""
    target_rate: float = 0.01
    """Rate at which the target critic follows. Values need about 1 / (rate * (1 - discount))
    updates to grow to their size: 2,000 here, 20,000 at the usual 0.005 and 0.99."""
    learning_rate: float = 5e-4
    """Of Adam, for actor, critic, predictors and temperature."""
    max_gradient_norm: float = 10.0
    """Global norm to which gradients are clipped."""
    target_entropy: float = -3.0
    """Wanted entropy of the squashed action, in nats."""
    initial_temperature: float = 0.1
    """First weight of entropy."""

    def __post_init__(self) -> None:
        """Refuse values without meaning."""
        for name in ('width', 'depth', 'predictor_width', 'symmetry_every'):
            if getattr(self, name) < 1:
                raise ConfigError(f'agent.{name} must be at least 1; got {getattr(self, name)}')
        if not 0.0 <= self.discount < 1.0:
            raise ConfigError(f'agent.discount must be in [0, 1); got {self.discount}')
        if self.initial_temperature <= 0.0:
            raise ConfigError(
                f'agent.initial_temperature must be positive; got {self.initial_temperature}'
            )
