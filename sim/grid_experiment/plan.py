"""Which runs the experiment has: one for each variant of the world and each agent."""

from collections.abc import Sequence
import dataclasses
from typing import Any

from experiment.runs import Run
from perl_core.agents.dqn import DQNConfig
from perl_core.errors import ConfigError
from perl_sim.envs.grid_world import GridWorldConfig

VARIANTS: dict[str, dict[str, Any]] = {
    **{f'obstacles-{count}': {'obstacle_count': count} for count in (0, 10, 20, 30, 40)},
    'slip-40': {'obstacle_count': 40, 'slip_probability': 0.2},
    'penalties-40': {'penalty_count': 40},
}
"""How each variant differs from the free world."""
AGENTS: dict[str, dict[str, Any]] = {
    'dqn': {'agent': 'dqn'},
    'equivariant': {'agent': 'equivariant'},
    'residual': {'agent': 'residual'},
    'relaxed': {'agent': 'relaxed'},
    'augmented': {'agent': 'augmented'},
    'pe': {'agent': 'pe'},
    'pe-residual': {'agent': 'pe', 'closed_critic': 'residual'},
    'pe-paper': {'agent': 'pe', 'practice': 0.0, 'gate': {'detector': 'z_score', 'kind': 'draw'}},
    'pe-no-practice': {'agent': 'pe', 'practice': 0.0},
    'pe-z-score': {'agent': 'pe', 'gate': {'detector': 'z_score'}},
    'pe-soft-gate': {'agent': 'pe', 'gate': {'kind': 'soft'}},
    'pe-shared-trunk': {'agent': 'pe', 'shared_trunk': True},
    'pe-no-reward-head': {'agent': 'pe', 'gate': {'reward_head': False}},
    'pe-oracle-gate': {'agent': 'pe', 'gate': {'kind': 'oracle'}},
}
"""How each agent differs from the others; everything else is the same for all.

``pe``: labels from the held-out loss difference, gate by threshold, and the free critic practises
behind a closed gate. ``pe-paper``: labels by the z-score, gate drawn, no practice, as arXiv
2512.00915 has it. The others change ``pe`` in the one way named.
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What all runs have in common."""

    seeds: int = 10
    """Seeds 0, 1, ... of each run, trained together; each has a layout of its own."""
    steps: int = 20_000
    """Environment steps of each seed."""
    copies: int = 16
    """Agents that step in each world at once; one update is made for each step of all."""
    evaluations: int = 25
    """How often a run is measured after its start, evenly spaced."""
    world: GridWorldConfig = dataclasses.field(
        default_factory=lambda: GridWorldConfig(observed='position_and_cell')
    )
    """Of every world; variants change some of it."""
    learning: DQNConfig = dataclasses.field(
        default_factory=lambda: DQNConfig(
            learning_rate=2e-3, target_rate=0.02, learning_starts=500, exploration_steps=10_000
        )
    )  # fmt: skip
    """Of every agent; each agent changes how it uses the symmetry."""

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ConfigError: there would be nothing to do, or discounts differ.
        """
        for name in ('seeds', 'steps', 'copies', 'evaluations'):
            if getattr(self, name) < 1:
                raise ConfigError(f'{name} must be at least 1, got {getattr(self, name)}')
        if self.steps % (self.copies * self.evaluations):
            raise ConfigError(
                f'steps must be a multiple of copies x evaluations = '
                f'{self.copies * self.evaluations}, got {self.steps}'
            )
        if self.learning.discount != self.world.discount:
            raise ConfigError(
                f'the agents and the world must have the same discount, got '
                f'{self.learning.discount} and {self.world.discount}'
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class GridRun(Run):
    """One agent in one variant, all seeds: what one process computes."""

    variant: str
    """A key of ``VARIANTS``."""
    agent: str
    """A key of ``AGENTS``."""
    plan: Plan
    """With the changes of the variant and of the agent."""

    @property
    def name(self) -> str:
        """Name of the run's files."""
        return f'{self.variant}--{self.agent}'

    @property
    def steps(self) -> int:
        """Environment steps of each seed."""
        return self.plan.steps

    @property
    def worlds(self) -> list[GridWorldConfig]:
        """The world of each seed."""
        seeds = range(self.plan.seeds)
        return [dataclasses.replace(self.plan.world, layout_seed=seed) for seed in seeds]


def _changed(learning: DQNConfig, changes: dict[str, Any]) -> DQNConfig:
    gate = dataclasses.replace(learning.gate, **changes.get('gate', {}))
    return dataclasses.replace(learning, **changes | {'gate': gate})


def planned_runs(plan: Plan, variants: Sequence[str], agents: Sequence[str]) -> list[GridRun]:
    """Return one run for each variant and agent.

    Raises:
        ConfigError: one is not known.
    """
    for kind, names, known in (('variant', variants, VARIANTS), ('agent', agents, AGENTS)):
        unknown = sorted(set(names) - set(known))
        if unknown or not names:
            raise ConfigError(f'unknown {kind} {unknown}; known: {list(known)}')
    return [
        GridRun(
            variant=variant,
            agent=agent,
            plan=dataclasses.replace(
                plan,
                world=dataclasses.replace(plan.world, **VARIANTS[variant]),
                learning=_changed(plan.learning, AGENTS[agent]),
            ),
        )
        for variant in variants
        for agent in agents
    ]
