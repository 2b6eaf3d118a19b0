"""Each axis of the randomisation at its extremes alone: what a policy can bear, one by one."""

import dataclasses

from perl_sim.envs.reach_config import UR5eReachConfig
from perl_sim.randomisation import RandomisationConfig

Axes = dict[str, UR5eReachConfig]
"""Tasks by what is extreme in them."""


def extremes(config: UR5eReachConfig) -> Axes:
    """Return the task with nothing varying, with one thing at an extreme, and as it is.

    Both ends of every range of the task's own randomisation; only the upper end of those that
    begin where nothing varies. ``nominal`` and ``all`` come first and last.
    """
    nominal = RandomisationConfig.nominal()
    axes = {'nominal': _with(config, nominal)}
    for field in dataclasses.fields(RandomisationConfig):
        value, rest = getattr(config.randomisation, field.name), getattr(nominal, field.name)
        ends = sorted(set(value)) if isinstance(value, tuple) else [value]
        for end in ends:
            fixed = (end, end) if isinstance(value, tuple) else end
            if fixed != rest:
                changed = dataclasses.replace(nominal, **{field.name: fixed})
                axes[f'{field.name}={end:g}'] = _with(config, changed)
    return axes | {'all': config}


def _with(config: UR5eReachConfig, randomisation: RandomisationConfig) -> UR5eReachConfig:
    return dataclasses.replace(config, randomisation=randomisation)
