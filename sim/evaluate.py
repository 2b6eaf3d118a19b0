"""Evaluate a run on held-out goals: success, errors, time, share of the branches."""

import dataclasses
import json
import math
from pathlib import Path
import sys
from typing import Any, Literal

import gymnasium
from perl_core.checkpoint import Choice, load_agent
from perl_core.contract import Contract
from perl_core.errors import PerlError
from perl_core.evaluation import TEST_SEED, Policy, Tolerance, agent_policy, evaluate, summarise
from perl_sim import REACH_ID
from perl_sim.envs.ur5e_reach import UR5eReachConfig
from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table
import torch
import tyro

Branch = Literal['gate', 'equivariant', 'standard']


@dataclasses.dataclass(frozen=True, kw_only=True)
class Args:
    """What to evaluate, and on what."""

    run: Path
    """Folder of a run that sim/train.py made."""
    checkpoint: Choice = 'best'
    """Which of the run's checkpoints: the best on the validation goals, or the newest."""
    goals: int = 200
    """Number of held-out goals."""
    seed: int = TEST_SEED
    """Environment seed of the first goal; the default is used for no choice."""
    branches: tuple[Branch, ...] = ('gate', 'equivariant', 'standard')
    """'gate' decides as the robot does; the others let one branch decide alone."""
    position_tolerance_m: float = 0.01
    """Largest position error of a success."""
    rotation_tolerance_deg: float = 5.0
    """Largest rotation error of a success [degrees]."""
    horizon_s: float = 5.0
    """Time for each goal."""
    home_share: float = 0.5
    """Share of the episodes that start near home; the others start where a goal could be."""
    output: Path | None = None
    """File for the figures as JSON."""


def figures(args: Args, policy: Policy, contract: Contract, branch: str) -> dict[str, Any]:
    """Return the figures of one policy."""
    config = UR5eReachConfig(
        contract=contract, horizon_s=args.horizon_s, home_share=args.home_share
    )
    env = gymnasium.make(REACH_ID, config=config, disable_env_checker=True)
    seeds = range(args.seed, args.seed + args.goals)
    shown = track(seeds, description=branch, console=Console(stderr=True), transient=True)
    episodes = [episode for seed in shown for episode in evaluate(env, policy, [seed])]
    env.close()
    tolerance = Tolerance(
        position_m=args.position_tolerance_m,
        rotation_rad=math.radians(args.rotation_tolerance_deg),
    )
    return summarise(episodes, tolerance, contract.policy_period_s)


def table(results: dict[str, dict[str, Any]]) -> Table:
    """Return the figures for people: one column for each policy."""
    shown = Table('', *results)
    rows = (
        ('success [%]', 'success', 100.0),
        ('position error, median [mm]', 'position_error_median_m', 1000.0),
        ('position error, 90 % [mm]', 'position_error_p90_m', 1000.0),
        ('rotation error, median [deg]', 'rotation_error_median_rad', 180.0 / math.pi),
        ('rotation error, 90 % [deg]', 'rotation_error_p90_rad', 180.0 / math.pi),
        ('time to reach, median [s]', 'time_median_s', 1.0),
        ('time to reach, 90 % [s]', 'time_p90_s', 1.0),
        ('ended by a collision [%]', 'terminated_share', 100.0),
        ('standard branch decided [%]', 'standard_share', 100.0),
        ('gate, mean', 'gate_mean', 1.0),
    )
    for label, name, factor in rows:
        values = [result[name] for result in results.values()]
        shown.add_row(escape(label), *('-' if v is None else f'{factor * v:.2f}' for v in values))
    return shown


def main(args: Args) -> None:
    """Evaluate, print a table, and end with one line of JSON."""
    torch.set_num_threads(1)
    loaded = load_agent(args.run, args.checkpoint)
    agent = loaded.agent
    results = {}
    for branch in args.branches:
        policy = agent_policy(agent, None if branch == 'gate' else branch)
        results[branch] = figures(args, policy, agent.contract, branch)
    Console().print(table(results))
    described = {'run': str(args.run), 'step': loaded.meta['step'], 'seed': args.seed}
    text = json.dumps(described | {'results': results})
    sys.stdout.write(text + '\n')
    if args.output is not None:
        args.output.write_text(text + '\n', encoding='utf-8')


if __name__ == '__main__':
    try:
        main(tyro.cli(Args))
    except PerlError as error:
        sys.exit(f'error: {error}')
