"""Compare the time of an environment step with learning: SAC, PE-SAC, and Stable-Baselines3's SAC.

All of a step counts: environment, replay, predictors, detector, gate, both branches. One process
tree, one torch thread, in turns: each round takes some steps of every agent, and the ratios are
those of the same round. Peak memory is that of a child process for each of ours.
"""

from collections.abc import Callable
import dataclasses
import functools
import json
from pathlib import Path
import resource
import subprocess
import sys
import tempfile
from typing import Any, Literal, NamedTuple, get_args

from benchmark_timing import measure, median_and_interval, ratio_and_interval
import gymnasium
from perl_core.agents.pe_sac import PESAC, PESACConfig
from perl_core.errors import ConfigError, PerlError
from perl_core.learned_gate import GateConfig
from perl_core.training import Environments, Trainer, TrainingConfig
from perl_sim import REACH_ID
from perl_sim.envs.reach_config import TaskName, task
from rich.console import Console
from rich.progress import Progress
import torch
import tyro

try:
    from stable_baselines3 import SAC
except ImportError:
    SAC = None

Ours = Literal['sac', 'pe']
RANDOM_STEPS = 1_000
"""Before anything is learned, so that every batch is full."""
BUFFER = 1_000_000
"""Transitions of the replay buffer whose memory is measured."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Args:
    """What to measure."""

    width: int = 256
    """Units in each of the two hidden layers of actors and critics."""
    batch: int = 256
    """Rows of a batch; one update a step."""
    task: TaskName = 'bins'
    """Of perl/UR5eReach-v0."""
    rounds: int = 40
    """Each takes some steps of every agent."""
    steps: int = 16
    """Environment steps of each agent in a round; a multiple of every rhythm of PE-SAC."""
    warm_up: int = 3
    """Rounds before, not measured."""
    seed: int = 0
    """Of networks, environments and orders."""
    memory: bool = True
    """Measure peak memory with a full buffer of 1,000,000 transitions too: about a minute."""
    memory_of: Ours | None = None
    """Measure the peak memory of this agent in this process, print it in MB, and no more."""


class Bar(NamedTuple):
    """What one agent's time may be, in units of another's."""

    over: str
    """Name of the agent."""
    under: str
    """Name of the other."""
    at_most: float
    """Largest ratio."""


BARS = (
    Bar('pe', 'sac', 1.25),
    # 1.3 times the steps a second.
    Bar('sac', 'sb3', 1.0 / 1.3),
    Bar('pe', 'sb3', 1.0),
)
MEMORY_BAR_MB = 1_500.0


def config_of(kind: Ours, args: Args) -> PESACConfig:
    """Return an agent's configuration; PE-SAC's gate may open from the start, as late in a run."""
    gate = GateConfig(warm_up_updates=0)
    return PESACConfig(kind=kind, width=args.width, gate=gate)


def trainer_of(kind: Ours, args: Args, folder: Path, steps: int) -> Trainer:
    """Return a run of one of our agents, its random steps behind it."""
    environment = task(args.task, 'SO3')
    agent = PESAC(config_of(kind, args), environment.contract, args.seed)
    env = gymnasium.make(REACH_ID, config=environment, disable_env_checker=True)
    config = TrainingConfig(
        seed=args.seed, steps=steps, random_steps=RANDOM_STEPS, batch_size=args.batch
    )
    trainer = Trainer(agent, Environments(env, env), config, folder)
    for _ in range(RANDOM_STEPS):
        trainer.advance()
    return trainer


def stable_baselines(args: Args) -> Callable[[int], object]:
    """Return a function that takes steps with the other library's SAC, random ones behind it."""
    if SAC is None:
        raise ConfigError(
            'stable_baselines3 is not installed, and only this benchmark needs it: '
            "python -m pip install -c constraints.txt -e '.[bench]'"
        )
    environment = task(args.task, 'SO3')
    env = gymnasium.make(REACH_ID, config=environment, disable_env_checker=True)
    model = SAC(
        'MlpPolicy', env, learning_rate=PESACConfig.learning_rate, buffer_size=100_000,
        learning_starts=RANDOM_STEPS, batch_size=args.batch, tau=PESACConfig.target_rate,
        gamma=PESACConfig.discount, policy_kwargs={'net_arch': [args.width, args.width]},
        seed=args.seed, device='cpu',
    )  # fmt: skip

    def advance(steps: int) -> object:
        return model.learn(steps, log_interval=1_000_000, reset_num_timesteps=False)

    advance(RANDOM_STEPS)
    return advance


def timed(args: Args, folder: Path) -> dict[str, Any]:
    """Return milliseconds a step of every agent, and every ratio with its bar."""
    runs = {kind: trainer_of(kind, args, folder, 100_000) for kind in get_args(Ours)}
    other = stable_baselines(args)

    def ours(run: Trainer) -> None:
        for _ in range(args.steps):
            run.advance()

    steps = {name: functools.partial(ours, run) for name, run in runs.items()}
    steps['sb3'] = functools.partial(other, args.steps)
    with Progress(console=Console(stderr=True)) as progress:
        bar = progress.add_task('rounds', total=args.warm_up + args.rounds)
        seconds = measure(
            steps, args.warm_up, args.rounds, args.seed, lambda: progress.advance(bar)
        )
    milliseconds = {
        name: round(median_and_interval(values)[0] / args.steps * 1e3, 3)
        for name, values in seconds.items()
    }
    ratios = []
    for over, under, at_most in BARS:
        ratio, low, high = ratio_and_interval(seconds[over], seconds[under])
        ratios.append({
            'over': over, 'under': under, 'ratio': round(ratio, 3), 'low': round(low, 3),
            'high': round(high, 3), 'bar': round(at_most, 3), 'is_met': ratio <= at_most,
        })  # fmt: skip
    return {'milliseconds': milliseconds, 'ratios': ratios}


def peak_memory_mb(kind: Ours, args: Args) -> float:
    """Return the peak memory of this process: a full buffer, learning, and a checkpoint."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = trainer_of(kind, args, Path(folder), BUFFER)
        rows = trainer.replay.sample(10_000, torch.Generator().manual_seed(args.seed))
        for _ in range(BUFFER // len(rows.reward)):
            trainer.replay.add_many(rows)
        for _ in range(8 * args.steps):
            trainer.advance()
        trainer.save()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def memory(args: Args) -> list[dict[str, Any]]:
    """Return the peak memory of a child process for each of our agents."""
    results = []
    for kind in get_args(Ours):
        command = [
            sys.executable, __file__, '--memory-of', kind, '--width', str(args.width),
            '--batch', str(args.batch), '--task', args.task, '--seed', str(args.seed),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise PerlError(f'measuring the memory of {kind!r} failed: {done.stderr.strip()}')
        peak = float(done.stdout.split()[-1])
        results.append({
            'agent': kind, 'peak_mb': round(peak), 'bar': MEMORY_BAR_MB,
            'is_met': peak <= MEMORY_BAR_MB,
        })  # fmt: skip
    return results


def show(results: dict[str, Any]) -> None:
    """Print the tables."""
    for name, value in results['milliseconds'].items():
        sys.stdout.write(f'  {name:10} {value:8.3f} ms a step, {1e3 / value:6.1f} steps/s\n')
    for row in results['ratios']:
        verdict = 'ok' if row['is_met'] else 'MISSED'
        sys.stdout.write(
            f'  {row["over"]:3} / {row["under"]:4} {row["ratio"]:5.2f} x '
            f'[{row["low"]:.2f}, {row["high"]:.2f}]  at most {row["bar"]}  {verdict}\n'
        )
    for row in results['memory']:
        verdict = 'ok' if row['is_met'] else 'MISSED'
        sys.stdout.write(
            f'  {row["agent"]:10} {row["peak_mb"]} MB at the peak, at most {row["bar"]:.0f}  '
            f'{verdict}\n'
        )


def main(args: Args) -> int:
    """Print the tables and, last, one line of JSON; return 1 if a bar was missed."""
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    if args.memory_of is not None:
        sys.stdout.write(f'{peak_memory_mb(args.memory_of, args)}\n')
        return 0
    with tempfile.TemporaryDirectory() as folder:
        results = timed(args, Path(folder))
    results['memory'] = memory(args) if args.memory else []
    show(results)
    is_met = all(row['is_met'] for row in (*results['ratios'], *results['memory']))
    sys.stdout.write(json.dumps({'is_met': is_met, 'args': dataclasses.asdict(args)} | results))
    sys.stdout.write('\n')
    return 0 if is_met else 1


if __name__ == '__main__':
    try:
        sys.exit(main(tyro.cli(Args)))
    except PerlError as error:
        sys.exit(f'error: {error}')
