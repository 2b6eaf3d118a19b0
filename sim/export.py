"""Make a bundle of a run's policy: ONNX graphs, manifest, test vectors."""

import dataclasses
import json
from pathlib import Path
import sys
from typing import Any

import gymnasium
import numpy as np
from perl_core.bundle.export import description_of, export_bundle
from perl_core.bundle.manifest import Manifest, TrainedCalibration
from perl_core.bundle.reading import manifest_sha256
from perl_core.checkpoint import Choice, Loaded, load_agent
from perl_core.errors import BundleError, CheckpointError, ConfigError, PerlError
from perl_core.evaluation import agent_policy, gather
from perl_sim import REACH_ID
from perl_sim.envs.reach_config import UR5eReachConfig
import torch
import tyro

from calibration.loader import nominal_calibration


@dataclasses.dataclass(frozen=True, kw_only=True)
class Args:
    """Which run, and where the bundle goes."""

    run: Path
    """Folder of the run, as sim/train.py made it."""
    checkpoint: Choice = 'best'
    """Which of the run's checkpoints: the best on the validation goals, or the newest."""
    out: Path
    """Folder of the bundle; must not exist."""
    evaluation: tuple[Path, ...] = ()
    """JSON files with figures of the policy's evaluation, as sim/evaluate.py writes them; those of
    several files go under the files' names."""
    episodes: int = 4
    """Episodes from which real observations are taken."""
    seed: int = 1_000_000
    """Of these episodes."""


def environment_of(loaded: Loaded) -> UR5eReachConfig:
    """Return the environment in which the run was trained.

    Raises:
        CheckpointError: the run does not say, or says it in the words of another version.
    """
    try:
        described = loaded.config['environment']['config']
        return UR5eReachConfig.from_dict(described, loaded.agent.contract)
    except (KeyError, ConfigError) as error:
        raise CheckpointError(
            f'config.json of the run does not describe its environment: {error}; train again'
        ) from error


def read_evaluation(path: Path) -> dict[str, Any]:
    """Return the figures in a JSON file.

    Raises:
        BundleError: the file cannot be read, or holds no JSON object.
    """
    try:
        figures = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise BundleError(f'cannot read the evaluation {path}: {error}') from error
    if not isinstance(figures, dict):
        raise BundleError(f'the evaluation {path} must hold a JSON object of figures')
    return figures


def evaluation_of(paths: tuple[Path, ...]) -> dict[str, Any]:
    """Return the figures that the bundle is to tell."""
    figures = {path.stem: read_evaluation(path) for path in paths}
    return next(iter(figures.values())) if len(figures) == 1 else figures


def observed(loaded: Loaded, args: Args) -> np.ndarray:
    """Return the observations of deterministic episodes, shape (count, observation size)."""
    env = gymnasium.make(REACH_ID, config=environment_of(loaded), disable_env_checker=True)
    seeds = range(args.seed, args.seed + args.episodes)
    seen = gather(env, agent_policy(loaded.agent), seeds)
    env.close()
    return seen


def summary(out: Path, manifest: Manifest) -> dict[str, Any]:
    """Return what was made, as JSON types."""
    return {
        'bundle': str(out),
        'sha256': manifest_sha256(out),
        'size_bytes': sum(record.size_bytes for record in manifest.files.values()),
        'steps': manifest.training.steps,
        'seed': manifest.training.seed,
        **dataclasses.asdict(manifest.checks),
    }


def main(args: Args) -> None:
    """Export."""
    torch.set_num_threads(1)
    loaded = load_agent(args.run, args.checkpoint)
    evaluation = evaluation_of(args.evaluation)
    arm = nominal_calibration()
    calibration = TrainedCalibration(
        content_sha256=arm.content_sha256(), dh_parameters=arm.dh_parameters
    )
    description = description_of(loaded, calibration, evaluation)
    manifest = export_bundle(
        loaded.agent.export_modules(), args.out, description, observed(loaded, args)
    )
    sys.stdout.write(json.dumps(summary(args.out, manifest), indent=2) + '\n')


if __name__ == '__main__':
    try:
        main(tyro.cli(Args))
    except PerlError as error:
        sys.exit(f'error: {error}')
