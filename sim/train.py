"""Train a policy in perl/UR5eReach-v0; `--resume` goes on after an interruption."""

import dataclasses
import json
from pathlib import Path
import shlex
import subprocess
import sys
from typing import Any, Literal

import gymnasium
from perl_core.agents.pe_sac import PESAC, PESACConfig
from perl_core.checkpoint import read_config, require_same_config
from perl_core.errors import ConfigError, PerlError
from perl_core.observation import reach_errors
from perl_core.replay import Batch
from perl_core.training import Environments, Trainer, TrainingConfig
from perl_core.transitions import read_transitions
from perl_sim import REACH_ID
from perl_sim.envs.reach_config import TaskName, UR5eReachConfig, task
import torch
import tyro


@dataclasses.dataclass(frozen=True, kw_only=True)
class Args:
    """What to train, and where to keep it."""

    run: Path
    """Folder of the run: config.json, checkpoint, tensorboard, evaluations.jsonl."""
    resume: bool = False
    """Go on from the folder's newest checkpoint; the configuration must be the same."""
    transitions: Path | None = None
    """Start with these in the replay buffer: written by python -m perl_replay export, from bags of
    a real arm for example. Not with --resume, which brings its own."""
    task: TaskName = 'open'
    """'open': the arm and its table. 'bins': goals in two bins with a wall between them, a pan
    joint that a cable keeps near home, and a base that is not quite upright."""
    group: Literal['SO3', 'SO2'] = 'SO3'
    """SO3: rotations about the workspace centre. SO2: rotations about the base's z axis."""
    agent: PESACConfig = dataclasses.field(default_factory=PESACConfig)
    """Of the agent."""
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
    """Of the loop."""
    threads: int = 1
    """Torch threads; these networks are too small for more."""


def resolved(args: Args, environment: UR5eReachConfig) -> dict[str, Any]:
    """Return everything that defines the run, as JSON types."""
    config = {
        'agent': dataclasses.asdict(args.agent),
        'training': dataclasses.asdict(args.training),
        'contract': environment.contract.to_dict(),
        'environment': {'id': REACH_ID, 'config': environment.to_dict()},
    }
    return json.loads(json.dumps(config))


def git_hash() -> str:
    """Return the commit of the source, with '+changes' if files differ from it."""
    command = ['git', '-C', str(Path(__file__).parent), 'describe', '--always', '--abbrev=40']
    found = subprocess.run([*command, '--dirty=+changes'], capture_output=True, text=True)
    return found.stdout.strip() if found.returncode == 0 else 'unknown'


def prepare(args: Args, config: dict[str, Any]) -> None:
    """Write config.json of a new run, or compare it with that of a resumed one."""
    path = args.run / 'config.json'
    if args.resume:
        saved = read_config(args.run)
        require_same_config({key: saved.get(key, {}) for key in config}, config)
        return
    if path.exists():
        raise ConfigError(
            f'{args.run} already holds a run; choose another --run, or go on with --resume'
        )
    args.run.mkdir(parents=True, exist_ok=True)
    origin = {'git': git_hash(), 'command': shlex.join(['python', *sys.argv])}
    path.write_text(json.dumps(config | {'origin': origin}, indent=2) + '\n', encoding='utf-8')


def recorded(path: Path, environment: UR5eReachConfig) -> Batch:
    """Return the transitions of a file, paid by the reward of this environment."""
    rows = read_transitions(path, environment.contract)
    rewards = [
        environment.reward(reach_errors(following), action, collision=False)
        for following, action in zip(rows.next_observation, rows.action, strict=True)
    ]
    return Batch(
        torch.from_numpy(rows.observation),
        torch.from_numpy(rows.action),
        torch.tensor(rewards),
        torch.from_numpy(rows.next_observation),
        torch.from_numpy(rows.terminated).float(),
        torch.zeros(len(rewards), dtype=torch.bool),
    )


def main(args: Args) -> None:
    """Train."""
    torch.set_num_threads(args.threads)
    environment = task(args.task, args.group)
    prepare(args, resolved(args, environment))
    agent = PESAC(args.agent, environment.contract, args.training.seed)
    training, evaluation = (
        gymnasium.make(REACH_ID, config=environment, disable_env_checker=True) for _ in range(2)
    )
    trainer = Trainer(agent, Environments(training, evaluation), args.training, args.run)
    if args.resume:
        trainer.resume()
    elif args.transitions is not None:
        trainer.replay.add_many(recorded(args.transitions, environment))
    try:
        summary = trainer.run()
    except KeyboardInterrupt:
        sys.exit(f'interrupted at step {trainer.step}; go on with --resume --run {args.run}')
    sys.stdout.write(json.dumps(summary) + '\n')


if __name__ == '__main__':
    try:
        main(tyro.cli(Args))
    except PerlError as error:
        sys.exit(f'error: {error}')
