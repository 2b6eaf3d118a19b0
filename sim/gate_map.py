"""Picture what a policy's gate says over the workspace, beside where the symmetry is broken.

python sim/gate_map.py --bundle policies/ur5e_reach --out gate.png
python sim/gate_map.py --run runs/reach/bins--pe--seed-0 --out gate.png
"""

import dataclasses
from pathlib import Path
import sys

from experiment import pictures
from perl_core.bundle.runtime import Policy
from perl_core.checkpoint import Choice, load_agent
from perl_core.errors import ConfigError, PerlError
from perl_sim.envs.reach_config import TaskName, UR5eReachConfig, task
from reach_experiment.figures import gate_beside_error
from reach_experiment.gate_map import Gate, gate_rows
from reach_experiment.running import gate_of
from reach_experiment.symmetry_map import map_rows
import tyro


@dataclasses.dataclass(frozen=True, kw_only=True)
class Args:
    """Whose gate, and where to."""

    out: Path
    """File of the picture (PNG)."""
    run: Path | None = None
    """Folder of a run; or --bundle."""
    bundle: Path | None = None
    """Folder of a bundle; or --run."""
    checkpoint: Choice = 'best'
    """Which of the run's checkpoints."""
    task: TaskName | None = None
    """Where to look; the task that the policy learned if left out."""
    states: int = 400
    """States at which the symmetry is measured in the simulator, about 30 ms each."""


def subject(args: Args) -> tuple[Gate, UR5eReachConfig]:
    """Return the gate, and the task to look at.

    Raises:
        ConfigError: both or neither of run and bundle are given.
    """
    if (args.run is None) == (args.bundle is None):
        raise ConfigError('say whose gate: one of --run and --bundle')
    if args.run is not None:
        loaded = load_agent(args.run, args.checkpoint)
        gate, contract = gate_of(loaded.agent), loaded.agent.contract
        described = loaded.config['environment']['config']
    else:
        policy = Policy.load(args.bundle)
        gate, contract = policy.gate_batch, policy.contract
        described = policy.manifest.training.environment_config
    if args.task is not None:
        return gate, task(args.task, contract.group)
    return gate, UR5eReachConfig.from_dict(described, contract)


def main(args: Args) -> None:
    """Measure and draw."""
    gate, config = subject(args)
    errors = map_rows(config, args.states)
    pictures.use_style()
    pictures.save(gate_beside_error(gate_rows(gate, config), errors, config), args.out)


if __name__ == '__main__':
    try:
        main(tyro.cli(Args))
    except PerlError as error:
        sys.exit(f'error: {error}')
