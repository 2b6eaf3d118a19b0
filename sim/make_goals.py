"""Write goals that can be reached as JSON; the schema is in perl_sim/goals.py."""

import dataclasses
import json
from pathlib import Path
import sys

import numpy as np
from perl_core.contract import Contract
from perl_sim.goals import HELD_OUT_SEED, GoalSampler, goals_to_json
import tyro


@dataclasses.dataclass(frozen=True, kw_only=True)
class Args:
    """Which goals to write."""

    count: int = 20
    """How many."""
    seed: int = HELD_OUT_SEED
    """The default is reserved for goals that no training ever sees."""
    output: Path | None = None
    """File to write; standard output if left out."""


def main(args: Args) -> None:
    """Draw and write."""
    contract = Contract()
    sampler, generator = GoalSampler(contract), np.random.default_rng(args.seed)
    goals = [sampler.sample(generator) for _ in range(args.count)]
    text = json.dumps(goals_to_json(goals, args.seed, contract), indent=1) + '\n'
    if args.output is None:
        sys.stdout.write(text)
    else:
        args.output.write_text(text, encoding='utf-8')


if __name__ == '__main__':
    main(tyro.cli(Args))
