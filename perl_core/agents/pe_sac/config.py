"""Configuration of PE-SAC and its rivals: one field picks the agent."""

import dataclasses
import functools
from typing import Literal, NamedTuple

from perl_core.detectors import DetectorConfig
from perl_core.errors import ConfigError
from perl_core.fields import require_choice
from perl_core.layers import PathwayPrior
from perl_core.learned_gate import GateConfig
from perl_core.predictors import PredictorConfig
from perl_core.spaces import ClosedCritic, StandardTrunk

AgentKind = Literal[
    'sac', 'geometric', 'equivariant', 'rpp', 'relaxed', 'augmented', 'canonical', 'pe'
]
"""'sac': plain SAC. 'geometric': plain SAC whose networks see lengths and angles beside everything
else, as PE-SAC's standard branch does. 'equivariant': strictly equivariant SAC. 'rpp': residual
pathway networks with priors, in policy and critic. 'relaxed': approximately equivariant SAC,
equivariant at the start. 'augmented': plain SAC that learns from batches turned by elements drawn
from the group. 'canonical': plain SAC that sees and acts from a frame that turns with the robot.
'pe': PE-SAC, with two branches and a gate."""
Branches = Literal['both', 'equivariant', 'standard']
"""Which branches learn and act."""


class Recipe(NamedTuple):
    """What makes an agent of one kind."""

    branches: Branches
    """Which branches learn and act."""
    standard: StandardTrunk | None = None
    """Network of the standard branch; None leaves the choice to ``standard_trunk``."""
    augments: bool = False
    """Whether batches are turned."""


RECIPES: dict[AgentKind, Recipe] = {
    'sac': Recipe('standard', 'plain'),
    'geometric': Recipe('standard', 'relaxed'),
    'equivariant': Recipe('equivariant'),
    'rpp': Recipe('standard', 'residual'),
    'relaxed': Recipe('standard', 'approximate'),
    'augmented': Recipe('standard', 'plain', augments=True),
    'canonical': Recipe('standard', 'canonical'),
    'pe': Recipe('both'),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class PESACConfig:
    """Everything that shapes the agent."""

    kind: AgentKind = 'pe'
    """Which agent."""
    standard_trunk: StandardTrunk = 'relaxed'
    """Network of PE-SAC's standard branch: 'relaxed' sees the same geometry as the equivariant
    one, beside everything else; 'plain' is an ordinary MLP."""
    closed_critic: ClosedCritic = 'equivariant'
    """Of PE-SAC: the critic where the gate is closed. The paper's is strict: one value for a whole
    orbit. But values are not invariant once anything is broken anywhere; 'residual' and 'relaxed'
    can say so, as in PE-DQN (docs/gridworld.md)."""
    width: int = 128
    """Units in each hidden layer of actor and critic."""
    depth: int = 2
    """Hidden layers of actor and critic."""
    share_critic_trunk: bool = False
    """Ablation: the standard branch of the critic goes on from the equivariant one's features."""
    share_actor_trunk: bool = False
    """Ablation: likewise in the actor; known to hurt."""
    predictors: PredictorConfig = dataclasses.field(default_factory=PredictorConfig)
    """One-step predictors whose disagreement shows where the symmetry is broken."""
    detector: DetectorConfig = dataclasses.field(default_factory=DetectorConfig)
    """Labels the transitions that break it."""
    gate: GateConfig = dataclasses.field(default_factory=GateConfig)
    """How the gate decides and learns."""
    symmetry_every: int = 8
    """Predictors, detector and gate learn at every n-th update."""
    practice_share: float = 0.1
    """Share of all rows that the standard branch learns from though the gate is closed. Without
    it the gate would one day open on a network that never learned."""
    practice_every: int = 4
    """It practises at every n-th update, on n times the share: n = 4 saves most of the cost of
    running both branches, and the branch takes fewer and larger steps."""
    actor_prior: PathwayPrior = dataclasses.field(
        default_factory=functools.partial(
            PathwayPrior, equivariant_precision=1e-6, free_precision=1e-6
        )
    )
    """Precisions of a residual policy's two paths, added to its loss. The defaults are the small
    ones of the released RL agents, in which the small start of the free path is the prior."""
    critic_prior: PathwayPrior = dataclasses.field(
        default_factory=functools.partial(
            PathwayPrior, equivariant_precision=0.0, free_precision=0.0
        )
    )
    """Likewise of the critics."""
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
        require_choice('agent.kind', self.kind, AgentKind)
        require_choice('agent.standard_trunk', self.standard_trunk, StandardTrunk)
        require_choice('agent.closed_critic', self.closed_critic, ClosedCritic)
        for name in ('width', 'depth', 'symmetry_every', 'practice_every'):
            if getattr(self, name) < 1:
                raise ConfigError(f'agent.{name} must be at least 1; got {getattr(self, name)}')
        if not 0.0 <= self.discount < 1.0:
            raise ConfigError(f'agent.discount must be in [0, 1); got {self.discount}')
        if not 0.0 <= self.practice_share * self.practice_every <= 1.0:
            raise ConfigError(
                'agent.practice_share * agent.practice_every is a share of the rows, within '
                f'[0, 1]; got {self.practice_share} * {self.practice_every}'
            )
        if self.initial_temperature <= 0.0:
            raise ConfigError(
                f'agent.initial_temperature must be positive; got {self.initial_temperature}'
            )
        self._require_fitting_branches()

    def _require_fitting_branches(self) -> None:
        is_strict = self.closed_critic == 'equivariant'
        if self.branches != 'both' and not (
            is_strict and not self.share_critic_trunk and not self.share_actor_trunk
        ):
            raise ConfigError(
                'a trunk is shared between two branches, and closed_critic is of two; with '
                f"agent.kind={self.kind!r} there is one. Choose 'pe', or neither."
            )
        if self.share_critic_trunk and not is_strict:
            raise ConfigError(
                'a shared trunk of the critics begins strictly equivariant; got '
                f"closed_critic={self.closed_critic!r}. Choose 'equivariant', or share none."
            )

    @property
    def branches(self) -> Branches:
        """Which branches learn and act."""
        return RECIPES[self.kind].branches

    @property
    def standard_kind(self) -> StandardTrunk:
        """Network of the standard branch."""
        return RECIPES[self.kind].standard or self.standard_trunk

    @property
    def augments(self) -> bool:
        """Whether batches are turned by elements of the group."""
        return RECIPES[self.kind].augments
