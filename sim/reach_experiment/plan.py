"""Which runs the experiment has, in the order in which they matter."""

from collections.abc import Iterator, Sequence
import dataclasses
import json
from typing import Any, Literal

from experiment.runs import Run
from perl_core.agents.pe_sac import PESACConfig
from perl_core.errors import ConfigError
from perl_core.training import TrainingConfig
from perl_sim.envs.reach_config import TaskName, UR5eReachConfig, task
from reach_experiment.agents import ABLATIONS, MAIN, REMEDIES, TRIALS, TUNING, Trial, changed


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What all runs have in common."""

    group: Literal['SO3', 'SO2'] = 'SO2'
    """Of the equivariant networks: about the base axis, where the arm is exactly symmetric, or
    about the workspace centre, where every quick motion breaks it (docs/reach_results.md)."""
    width: int = 128
    """Units in each hidden layer of every network, as in the shipped policy. With 64, and batches
    of 128, no pilot got beyond 30 % in 'bins' (docs/reach_results.md)."""
    agent: PESACConfig = dataclasses.field(default_factory=PESACConfig)
    """Of every agent; trials change some of it."""
    training: TrainingConfig = dataclasses.field(
        default_factory=lambda: TrainingConfig(
            steps=60_000, batch_size=256, evaluate_every=2_500, evaluation_episodes=50
        )
    )
    """Of every run; the seed is the run's."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReachRun(Run):
    """One agent, one task, one seed."""

    task: TaskName
    """Name of the task."""
    trial: str
    """A key of ``TRIALS``."""
    seed: int
    """Of networks, exploration, replay and environment."""
    agent: PESACConfig
    """How it learns."""
    training: TrainingConfig
    """How long and how often."""
    environment: UR5eReachConfig
    """In which it learns."""
    evaluation: UR5eReachConfig
    """In which it is evaluated."""

    @property
    def name(self) -> str:
        """Name of the run's files."""
        return run_name(self.task, self.trial, self.seed)

    @property
    def steps(self) -> int:
        """Environment steps until it is finished."""
        return self.training.steps

    def saved_config(self) -> dict[str, Any]:
        """Return what a run folder's config.json holds, as JSON types."""
        config = {
            'agent': dataclasses.asdict(self.agent),
            'training': dataclasses.asdict(self.training),
            'contract': self.environment.contract.to_dict(),
            'environment': {'id': 'perl/UR5eReach-v0', 'config': self.environment.to_dict()},
        }
        return json.loads(json.dumps(config))


def run_name(task_name: str, trial: str, seed: int) -> str:
    """Return the name of a run's files."""
    return f'{task_name}--{trial}--seed-{seed}'


def _agent(plan: Plan, trial: Trial) -> PESACConfig:
    parts = {name: {'width': plan.width} for name in ('predictors', 'detector', 'gate')}
    narrow = changed(plan.agent, {'width': plan.width, **parts})
    return changed(narrow, trial.agent)


def planned_run(plan: Plan, task_name: TaskName, name: str, seed: int) -> ReachRun:
    """Return one run.

    Raises:
        ConfigError: there is no trial of this name, or it changes what does not exist.
    """
    if name not in TRIALS:
        raise ConfigError(f'unknown trial {name!r}; known: {list(TRIALS)}')
    trial = TRIALS[name]
    described = task(task_name, trial.group or plan.group)  # type: ignore[arg-type]
    described = changed(described, {'contract': changed(described.contract, trial.contract)})
    return ReachRun(
        task=task_name, trial=name, seed=seed, agent=_agent(plan, trial),
        training=dataclasses.replace(plan.training, seed=seed),
        environment=changed(described, trial.task), evaluation=described,
    )  # fmt: skip


def _stages() -> Iterator[tuple[TaskName, Sequence[str], Sequence[int]]]:
    """Yield tasks, trials and seeds; what matters most comes first."""
    main, remedies = list(MAIN), list(REMEDIES)
    ablations = [trial for trial in ABLATIONS if trial not in REMEDIES]
    # One seed of everything that may win comes first, so that a plan gone wrong shows early.
    yield 'bins', [*main, *remedies], range(1)
    yield 'bins', [*main, *remedies], range(1, 3)
    yield 'bins', [*main, 'pe-residual'], range(3, 5)
    yield 'bins', ablations, range(3)
    yield 'open', main, range(3)
    yield 'bins', list(TUNING), range(1)


def planned_runs(
    plan: Plan,
    only: Sequence[str] = (),
    tasks: Sequence[TaskName] = ('bins', 'open'),
    seeds: Sequence[int] = (),
) -> list[ReachRun]:
    """Return the runs of the experiment in the order in which they are begun.

    Args:
        plan: of all.
        only: trials; all if empty.
        tasks: which.
        seeds: which; those of the experiment if empty. With both ``only`` and ``seeds``, every
            combination is run, in the experiment or not.

    Raises:
        ConfigError: a trial is not known, or nothing is left.
    """
    unknown = sorted(set(only) - set(TRIALS))
    if unknown:
        raise ConfigError(f'unknown trials {unknown}; known: {list(TRIALS)}')
    if only and seeds:
        return [
            planned_run(plan, name, trial, seed)
            for name in tasks for seed in seeds for trial in only
        ]  # fmt: skip
    runs = [
        planned_run(plan, name, trial, seed)
        for name, trials, of_stage in _stages() for seed in of_stage for trial in trials
        if name in tasks and (not only or trial in only) and (not seeds or seed in seeds)
    ]  # fmt: skip
    if not runs:
        raise ConfigError(f'no run of the experiment has one of the seeds {list(seeds)}')
    return runs
