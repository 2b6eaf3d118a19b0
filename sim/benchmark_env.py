"""Measure how many steps of perl/UR5eReach-v0 one core makes in a second."""

from collections.abc import Iterator
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

    steps: int = 250
    """Environment steps of one repeat, resets included."""
    repeats: int = 60
    """The fastest is the machine's own, if anyone else is using it; the median is today's."""
    seed: int = 0
    """Of starts, goals and actions."""


def rates(args: Args) -> Iterator[float]:
    """Yield steps per second of smooth random motion, one for each repeat."""
    env = gymnasium.make(REACH_ID, disable_env_checker=True)
    env.reset(seed=args.seed)
    generator = np.random.default_rng(args.seed)
    for _ in range(args.repeats):
        actions = 0.3 * generator.normal(size=(args.steps, 6)).astype(np.float32)
        began = time.perf_counter()
        for action in actions:
            *_, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()
        yield args.steps / (time.perf_counter() - began)


def main(args: Args) -> None:
    """Print the rates."""
    measured = list(rates(args))
    sys.stdout.write(f'{max(measured):.0f} steps/s (median {np.median(measured):.0f})\n')


if __name__ == '__main__':
    main(tyro.cli(Args))
