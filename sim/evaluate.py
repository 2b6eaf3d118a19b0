"""Evaluate a run on held-out goals: success, errors, time, share of the branches.

With --axes: the policy alone, on each axis of the randomisation at its extremes.
"""

import dataclasses
import json
import math
from pathlib import Path
import sys
from typing import Any, Literal, NamedTuple

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
from perl_sim.axes import extremes
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
    position_tolerance_m: float | None = None
    """Largest position error of a success; 0.01 if left out."""
    rotation_tolerance_deg: float | None = None
    """Largest rotation error of a success [degrees]; 5 if left out."""
    horizon_s: float | None = None
    """Time for each goal; as in training if left out."""
    home_share: float | None = None
    """Share of the episodes that start near home, the others start where a goal could be; as in
    training if left out."""
    axes: bool = False
    """Evaluate the policy alone on each axis of the randomisation at its extremes, within 4 s and
    to 5 mm and 2 degrees, unless --horizon-s and the tolerances say otherwise."""
    output: Path | None = None
    """File for the figures as JSON; sim/export.py --evaluation puts them into a bundle."""


class Terms(NamedTuple):
    """What counts as a success."""

    tolerance: Tolerance
    """Largest errors."""
    horizon_s: float | None
    """Time for each goal; None for that of training."""


def terms_of(args: Args) -> Terms:
    """Return what counts as a success; --axes is stricter."""
    position_m, rotation_deg, horizon_s = (
        (0.005, 2.0, 4.0) if args.axes else (0.01, 5.0, None)
    )
    if args.position_tolerance_m is not None:
        position_m = args.position_tolerance_m
    if args.rotation_tolerance_deg is not None:
        rotation_deg = args.rotation_tolerance_deg
    tolerance = Tolerance(position_m=position_m, rotation_rad=math.radians(rotation_deg))
    return Terms(tolerance, horizon_s if args.horizon_s is None else args.horizon_s)


def environment_of(args: Args, loaded: Loaded) -> UR5eReachConfig:
    """Return the task that the run was trained for, but for what the arguments change."""
    described = loaded.config['environment']['config']
    config = UR5eReachConfig.from_dict(described, loaded.agent.contract)
    changes = {'horizon_s': terms_of(args).horizon_s, 'home_share': args.home_share}
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
    return summarise(episodes, terms_of(args).tolerance, config.contract.policy_period_s)


MEASURES = (
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
"""What is shown: label, name of the figure, factor."""


def _shown(value: float | None, factor: float) -> str:
    return '-' if value is None else f'{factor * value:.2f}'


def table_of_policies(results: dict[str, dict[str, Any]]) -> Table:
    """Return the figures for people: one column for each policy."""
    shown = Table('', *results)
    for label, name, factor in MEASURES:
        values = [_shown(result[name], factor) for result in results.values()]
        shown.add_row(escape(label), *values)
    return shown


def table_of_axes(results: dict[str, dict[str, Any]]) -> Table:
    """Return the figures for people: one row for each extreme."""
    shown = Table('', *(escape(label) for label, _, _ in MEASURES[:-2]))
    for axis, result in results.items():
        shown.add_row(axis, *(_shown(result[name], factor) for _, name, factor in MEASURES[:-2]))
    return shown


def main(args: Args) -> None:
    """Evaluate, print a table, and end with one line of JSON."""
    torch.set_num_threads(1)
    loaded = load_agent(args.run, args.checkpoint)
    config, terms = environment_of(args, loaded), terms_of(args)
    if args.axes:
        of_gate = policy_of(loaded, 'gate')
        tasks = extremes(config)
        results = {name: figures(args, of_gate, one, name) for name, one in tasks.items()}
        Console().print(table_of_axes(results))
    else:
        results = {
            branch: figures(args, policy_of(loaded, branch), config, branch)
            for branch in args.branches
        }
        Console().print(table_of_policies(results))
    described = {
        'run': str(args.run), 'step': loaded.meta['step'], 'seed': args.seed,
        'position_tolerance_m': terms.tolerance.position_m,
        'rotation_tolerance_deg': math.degrees(terms.tolerance.rotation_rad),
        'horizon_s': config.horizon_s,
    }  # fmt: skip
    text = json.dumps(described | {'axes' if args.axes else 'results': results})
    sys.stdout.write(text + '\n')
    if args.output is not None:
        args.output.write_text(text + '\n', encoding='utf-8')


if __name__ == '__main__':
    try:
        main(tyro.cli(Args))
    except PerlError as error:
        sys.exit(f'error: {error}')
