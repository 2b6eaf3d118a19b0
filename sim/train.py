"""Train a policy in perl/UR5eReach-v0; `--resume` goes on after an interruption."""

import dataclasses
import json
from pathlib import Path
import sys
from typing import Any, Literal

import gymnasium
from perl_core.agents.pe_sac import PESAC, PESACConfig
from perl_core.errors import PerlError
from perl_core.observation import reach_errors
from perl_core.replay import Batch
from perl_core.run_folder import open_run, plain
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
    """Go on from the folder's newest checkpoint, or from the start if there is none yet; the
    configuration must be the same, and so is the curve."""
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
    return plain({
        'agent': args.agent,
        'training': args.training,
        'contract': environment.contract.to_dict(),
        'environment': {'id': REACH_ID, 'config': environment.to_dict()},
    })


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
    open_run(args.run, resolved(args, environment), Path(__file__), resume=args.resume)
    agent = PESAC(args.agent, environment.contract, args.training.seed)
    training, evaluation = (
        gymnasium.make(REACH_ID, config=environment, disable_env_checker=True) for _ in range(2)
    )
    trainer = Trainer(agent, Environments(training, evaluation), args.training, args.run)
    if args.resume:
        trainer.resume()
    elif args.transitions is not None:
        trainer.replay.add_many(recorded(args.transitions, environment))
        trainer.save()
    try:
        summary = trainer.run()
    except KeyboardInterrupt:
        sys.exit(
            f'interrupted at step {trainer.step}; --resume --run {args.run} goes on from step '
            f'{trainer.saved_step}, with the same curve'
        )
    sys.stdout.write(json.dumps(summary) + '\n')


if __name__ == '__main__':
    try:
        main(tyro.cli(Args))
    except PerlError as error:
        sys.exit(f'error: {error}')
