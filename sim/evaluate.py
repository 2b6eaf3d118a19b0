"""Evaluate a run on held-out goals: success, errors, time, share of the branches."""

import dataclasses
import json
import math
from pathlib import Path
import sys
from typing import Any, Literal

import gymnasium
from perl_core.checkpoint import Choice, Loaded, load_agent
from perl_core.errors import PerlError
from perl_core.evaluation import (
    TEST_SEED,
    Decision,
    Policy,
    Tolerance,
    agent_policy,
    evaluate,
    summarise,
)
from perl_core.resolved_rate import resolved_rate_action
from perl_sim import REACH_ID
from perl_sim.envs.reach_config import UR5eReachConfig
from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table
import torch
import tyro

Branch = Literal['gate', 'equivariant', 'standard', 'resolved_rate']


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
    branches: tuple[Branch, ...] = ('gate', 'equivariant', 'standard', 'resolved_rate')
    """'gate' decides as the robot does; 'equivariant' and 'standard' let one branch decide alone;
    'resolved_rate' is no policy: the tool goes straight to the goal."""
    position_tolerance_m: float = 0.01
    """Largest position error of a success."""
    rotation_tolerance_deg: float = 5.0
    """Largest rotation error of a success [degrees]."""
    horizon_s: float | None = None
    """Time for each goal; as in training if left out."""
    home_share: float | None = None
    """Share of the episodes that start near home, the others start where a goal could be; as in
    training if left out."""
    output: Path | None = None
    """File for the figures as JSON."""


def environment_of(args: Args, loaded: Loaded) -> UR5eReachConfig:
    """Return the task that the run was trained for, but for what the arguments change."""
    described = loaded.config['environment']['config']
    config = UR5eReachConfig.from_dict(described, loaded.agent.contract)
    changes = {'horizon_s': args.horizon_s, 'home_share': args.home_share}
    return dataclasses.replace(config, **{k: v for k, v in changes.items() if v is not None})


def policy_of(loaded: Loaded, branch: Branch) -> Policy:
    """Return what decides."""
    if branch == 'resolved_rate':
        contract = loaded.agent.contract
        return lambda seen: Decision(resolved_rate_action(seen, contract), 0.0, False)
    return agent_policy(loaded.agent, None if branch == 'gate' else branch)


def figures(args: Args, policy: Policy, config: UR5eReachConfig, name: str) -> dict[str, Any]:
    """Return the figures of one policy."""
    env = gymnasium.make(REACH_ID, config=config, disable_env_checker=True)
    seeds = range(args.seed, args.seed + args.goals)
    shown = track(seeds, description=name, console=Console(stderr=True), transient=True)
    episodes = [episode for seed in shown for episode in evaluate(env, policy, [seed])]
    env.close()
    tolerance = Tolerance(
        position_m=args.position_tolerance_m,
        rotation_rad=math.radians(args.rotation_tolerance_deg),
    )
    return summarise(episodes, tolerance, config.contract.policy_period_s)


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
    config = environment_of(args, loaded)
    results = {
        branch: figures(args, policy_of(loaded, branch), config, branch)
        for branch in args.branches
    }
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
