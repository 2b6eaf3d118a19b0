"""The agents of the experiment, and what is tried of each: names, and what they change."""

from collections.abc import Mapping
import dataclasses
from typing import Any, TypeVar

from perl_core.agents.pe_sac import PESACConfig
from perl_core.contract import Contract
from perl_core.errors import ConfigError
from perl_sim.envs.reach_config import UR5eReachConfig

Changes = Mapping[str, Any]
Config = TypeVar('Config', Contract, PESACConfig, UR5eReachConfig)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trial:
    """How a run differs from the others; everything else is the same for all."""

    agent: Changes = dataclasses.field(default_factory=dict)
    """Fields of ``PESACConfig``; a mapping changes some fields of a part."""
    task: Changes = dataclasses.field(default_factory=dict)
    """Fields of ``UR5eReachConfig`` in training. The evaluation stays that of the task."""
    contract: Changes = dataclasses.field(default_factory=dict)
    """Fields of the contract, in training and evaluation."""
    group: str | None = None
    """Group of the equivariant networks; None for that of the plan."""


MAIN: dict[str, Trial] = {
    kind: Trial(agent={'kind': kind})
    for kind in (
        'pe', 'sac', 'equivariant', 'rpp', 'geometric', 'relaxed', 'canonical', 'augmented'
    )
}
"""The agents that are compared."""


def _pe(**changes: Any) -> Trial:
    return Trial(agent={'kind': 'pe', **changes})


REMEDIES: dict[str, Trial] = {
    'pe-residual': _pe(closed_critic='residual'),
    'pe-so3': Trial(agent={'kind': 'pe'}, group='SO3'),
    'equivariant-so3': Trial(agent={'kind': 'equivariant'}, group='SO3'),
    'rpp-so3': Trial(agent={'kind': 'rpp'}, group='SO3'),
}
"""``pe`` with a critic that does not tie the values of an orbit, which was PE-DQN's remedy
(docs/gridworld.md); and the paper's group, about the workspace centre, for what depends on it."""
ABLATIONS: dict[str, Trial] = {
    **REMEDIES,
    'pe-mean-detector': _pe(detector={'bound': 'mean', 'members': 4, 'kappa': 2.0}),
    'pe-paper': _pe(
        detector={'kind': 'welford', 'kappa': 2.0}, gate={'kind': 'draw'}, practice_share=0.0
    ),
    'pe-soft-gate': _pe(gate={'kind': 'soft'}),
    'pe-shared-critic': _pe(share_critic_trunk=True),
    'pe-shared-actor': _pe(share_actor_trunk=True),
    'pe-no-reward-head': _pe(predictors={'reward_head': False}),
    'pe-max-4': _pe(gate={'state': 'sampled_max', 'sampled_actions': 4}),
    'pe-max-8': _pe(gate={'state': 'sampled_max', 'sampled_actions': 8}),
    'pe-no-practice': _pe(practice_share=0.0),
    'pe-plain-branch': _pe(standard_trunk='plain'),
}
"""``pe`` changed in the one way named."""

PE_TUNING: dict[str, Trial] = {
    'pe-kappa-0.5': _pe(detector={'kappa': 0.5}),
    'pe-kappa-2': _pe(detector={'kappa': 2.0}),
    'pe-z-score-0.5': _pe(detector={'kind': 'welford', 'kappa': 0.5}),
    'pe-z-score-1': _pe(detector={'kind': 'welford', 'kappa': 1.0}),
    'pe-z-score-3': _pe(detector={'kind': 'welford', 'kappa': 3.0}),
    'pe-square-distance': _pe(
        detector={'kind': 'welford', 'kappa': 1.0}, predictors={'distance': 'square'}
    ),
    'pe-tau-0.8': _pe(gate={'expectile': 0.8}),
    'pe-tau-0.97': _pe(gate={'expectile': 0.97}),
    'pe-warm-up-250': _pe(gate={'warm_up_updates': 250}),
    'pe-warm-up-2500': _pe(gate={'warm_up_updates': 2500}),
    'pe-practice-0.2': _pe(practice_share=0.2),
    'pe-practice-every': _pe(practice_every=1),
}
"""What only PE-SAC has."""


def _shared_tuning(kind: str) -> dict[str, Trial]:
    """Return what is tried of each agent alike: the same budget for all."""
    tried: dict[str, Changes] = {
        'rate-2e-4': {'learning_rate': 2e-4}, 'rate-1e-3': {'learning_rate': 1e-3},
        'discount-0.9': {'discount': 0.9}, 'discount-0.98': {'discount': 0.98},
        'target-0.005': {'target_rate': 0.005}, 'target-0.02': {'target_rate': 0.02},
    }  # fmt: skip
    return {
        f'{kind}-{name}': Trial(agent={'kind': kind, **changes}) for name, changes in tried.items()
    }


TASK_TUNING: dict[str, Trial] = {
    name: Trial(agent={'kind': 'pe'}, **changes)
    for name, changes in {
        'pe-slow-actions': {
            'contract': {'max_tool_speed_m_s': 0.25, 'max_tool_angular_speed_rad_s': 1.0}
        },
        'pe-horizon-3s': {'task': {'horizon_s': 3.0}},
        'pe-horizon-8s': {'task': {'horizon_s': 8.0}},
        'pe-no-precision-reward': {'task': {'reward': {'precision_weight': 0.0}}},
        'pe-no-action-cost': {'task': {'reward': {'action_weight': 0.0}}},
        'pe-nothing-random': {'task': {'randomisation': {
            'delay_ticks': (2, 2), 'lookahead_scale': (1.0, 1.0), 'friction_share': (0.0, 0.0),
            'damping_share_s_rad': (0.0, 0.0), 'payload_kg': (0.0, 0.0),
            'base_tilt_rad': (0.0, 0.0), 'position_noise_rad': 0.0, 'velocity_noise_rad_s': 0.0,
        }}},
    }.items()
}  # fmt: skip
"""What the task leaves open: action scale, horizon, reward, randomisation."""

TUNING: dict[str, Trial] = {
    **PE_TUNING, **TASK_TUNING,
    **_shared_tuning('pe'), **_shared_tuning('sac'), **_shared_tuning('rpp'),
}  # fmt: skip
TRIALS: dict[str, Trial] = {**MAIN, **ABLATIONS, **TUNING}
"""Every trial by its name."""


def changed(config: Config, changes: Changes) -> Config:
    """Return a configuration with some fields changed, in its parts too.

    Raises:
        ConfigError: a field is not known, or a value has no meaning.
    """
    values = {}
    for name, value in changes.items():
        if not hasattr(config, name):
            raise ConfigError(f'{type(config).__name__} has no field {name!r}')
        old = getattr(config, name)
        is_part = isinstance(value, Mapping)
        if is_part and dataclasses.is_dataclass(old) and not isinstance(old, type):
            values[name] = dataclasses.replace(old, **value)
        else:
            values[name] = value
    return dataclasses.replace(config, **values)
