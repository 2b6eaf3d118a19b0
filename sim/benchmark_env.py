"""Measure how many steps of perl/UR5eReach-v0 one core makes in a second."""

import dataclasses
import sys
import time

import gymnasium
import numpy as np
from perl_sim import REACH_ID
import tyro


@dataclasses.dataclass(frozen=True, kw_only=True)
class Args:
    """What to measure."""

    steps: int = 10_000
    """Environment steps, resets included."""
    repeats: int = 3
    """The fastest repeat is reported: others may be using the machine."""
    seed: int = 0
    """Of starts, goals and actions."""


def steps_per_second(steps: int, seed: int) -> float:
    """Return the rate of smooth random motion, resets included."""
    env = gymnasium.make(REACH_ID, disable_env_checker=True)
    env.reset(seed=seed)
    actions = 0.3 * np.random.default_rng(seed).normal(size=(steps, 6)).astype(np.float32)
    began = time.perf_counter()
    for action in actions:
        *_, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            env.reset()
    return steps / (time.perf_counter() - began)


def main(args: Args) -> None:
    """Print the rate."""
    rates = [steps_per_second(args.steps, args.seed + index) for index in range(args.repeats)]
    sys.stdout.write(f'{max(rates):.0f} steps/s (repeats: {[round(rate) for rate in rates]})\n')


if __name__ == '__main__':
    main(tyro.cli(Args))
