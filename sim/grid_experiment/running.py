"""One run from start to end: act, remember, learn, measure; goes on where it was interrupted."""

from collections.abc import Callable
from pathlib import Path
import time

from experiment.runs import Origin
from grid_experiment.files import Checkpoint, GridRunFiles
from grid_experiment.measures import measure, truth_of
from grid_experiment.plan import GridRun
import numpy as np
from perl_core.agents.dqn import DQN, Outcomes
from perl_core.symmetry import (
    Representation,
    group_named,
    permutation,
    regular,
    trivial,
    vector,
)
from perl_core.tabular import GridWorld, cells
from perl_core.tabular.gridworld import MOVES
from perl_sim.envs.grid_world import GridWorldConfig
from perl_sim.envs.vector_grid_world import VectorGridWorld
import torch

GROUP = group_named('C4')
ACTION = regular(GROUP)
"""Right, up, left, down: a quarter turn shifts them by one."""


def observation_representation(world: GridWorldConfig) -> Representation:
    """Return how what an agent sees transforms: a vector, and a permutation of the cells."""
    if world.observed == 'position':
        return vector(GROUP)
    index = {cell: state for state, cell in enumerate(cells(world.size))}
    return vector(GROUP) + permutation(GROUP, [[index[-y, x] for x, y in index]])


def outcomes(world: GridWorldConfig) -> Outcomes:
    """Return what a step can change: nothing, or the position by one cell to one of four sides."""
    displacements = torch.tensor([(0, 0), *MOVES]) / (world.size // 2)
    return Outcomes(
        displacements, trivial(GROUP) + regular(GROUP), observation_representation(world),
        slice(0, 2),
    )  # fmt: skip


def drawn(world: GridWorld) -> list[str]:
    """Return a map of a world, from the top row down: # obstacle, - penalty, G goal, . free."""
    signs = {world.goal: 'G'} | dict.fromkeys(world.obstacles, '#')
    signs |= dict.fromkeys(world.penalties, '-')
    row = [signs.get(cell, '.') for cell in cells(world.size)]
    starts = range(len(row) - world.size, -1, -world.size)
    return [''.join(row[start : start + world.size]) for start in starts]


class Runner:
    """A run in progress."""

    def __init__(self, run: GridRun, folder: Path, origin: Origin) -> None:
        """Build the worlds and the agent.

        Args:
            run: what to do.
            folder: of its files.
            origin: for the description.
        """
        self.run, self.files, self._origin = run, GridRunFiles(folder, run), origin
        plan = run.plan
        self._environment = VectorGridWorld(run.worlds, plan.copies)
        self._truths = [truth_of(world) for world in self._environment.worlds]
        self._seen = torch.from_numpy(plan.world.observations())
        self._agent = DQN(
            plan.learning, observation_representation(plan.world), ACTION, range(plan.seeds),
            outcomes=outcomes(plan.world), oracle=self._oracle(),
        )  # fmt: skip
        self._rounds = plan.steps // plan.copies
        self._done = 0
        self._seconds = 0.0

    def _oracle(self) -> Callable[[torch.Tensor], torch.Tensor]:
        """Return the exact broken pairs as a function of what the agents see."""
        broken = torch.from_numpy(np.stack([truth.broken for truth in self._truths])).float()
        size, half = self.run.plan.world.size, self.run.plan.world.size // 2
        seeds = torch.arange(len(broken))[:, None]

        def looked_up(observations: torch.Tensor) -> torch.Tensor:
            x, y = (observations[..., :2] * half + half).round().long().unbind(dim=-1)
            return broken[seeds, y * size + x]

        return looked_up

    def go(self, checkpoint_every_s: float) -> None:
        """Do what is left of the run.

        Args:
            checkpoint_every_s: at evaluations that are at least so far apart.
        """
        self._describe()
        self._resume()
        every = self._rounds // self.run.plan.evaluations
        begun = time.monotonic() - self._seconds
        saved = time.monotonic()
        while self._done < self._rounds:
            if self._done % every == 0:
                self._evaluate()
                if time.monotonic() - saved >= checkpoint_every_s:
                    self._seconds = time.monotonic() - begun
                    self._save()
                    saved = time.monotonic()
            self._round()
            self._done += 1
        self._evaluate()
        self._write_gate()
        self._describe(seconds=round(time.monotonic() - begun, 1))
        self.files.remove_checkpoint()

    def _describe(self, **more: float) -> None:
        """Write the description; a run with seconds is finished."""
        layouts = [drawn(world) for world in self._environment.worlds]
        self.files.describe(
            git=self._origin.git, command=self._origin.command, layouts=layouts, **more
        )

    def _round(self) -> None:
        states = torch.from_numpy(self._environment.states)
        actions = self._agent.act(self._seen[states], explore=True)
        steps = self._environment.step(actions.numpy())
        self._agent.remember(
            self._seen[states], actions, torch.from_numpy(steps.reward),
            self._seen[torch.from_numpy(steps.next_state)], torch.from_numpy(steps.terminated),
        )  # fmt: skip
        self._agent.update()

    def _values(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Return Q and the gate in every state, each of shape (seeds, S, A)."""
        everywhere = self._seen.expand(len(self._truths), -1, -1)
        gate = self._agent.gate(everywhere)
        return self._agent.q(everywhere).numpy(), None if gate is None else gate.numpy()

    def _evaluate(self) -> None:
        q, gate = self._values()
        self.files.append([
            {
                'variant': self.run.variant, 'agent': self.run.agent, 'seed': seed,
                'step': self._done * self.run.plan.copies,
                'config': self.run.digest, 'git': self._origin.git,
                **measure(truth, q[seed], None if gate is None else gate[seed]),
            }
            for seed, truth in enumerate(self._truths)
        ])  # fmt: skip

    def _write_gate(self) -> None:
        _, gate = self._values()
        if gate is None:
            return
        self.files.write_gate([
            {
                'seed': 0, 'state': state, 'x': x, 'y': y, 'action': action,
                'gate': float(gate[0, state, action]),
                'broken': int(self._truths[0].broken[state, action]),
            }
            for state, (x, y) in enumerate(cells(self.run.plan.world.size))
            for action in range(gate.shape[2])
        ])  # fmt: skip

    def _save(self) -> None:
        self.files.save_checkpoint(Checkpoint(
            state=self._agent.state(),
            meta={'done': self._done, 'seconds': self._seconds,
                  'environment': self._environment.snapshot()},
        ))  # fmt: skip

    def _resume(self) -> None:
        found = self.files.load_checkpoint()
        if found is None:
            self.files.truncate(after_step=-1)
            return
        self._agent.load_state(found.state)
        self._environment.restore(found.meta['environment'])
        self._done, self._seconds = found.meta['done'], found.meta['seconds']
        # The step of the checkpoint is measured again.
        self.files.truncate(after_step=self._done * self.run.plan.copies - 1)


def do_run(run: GridRun, folder: Path, origin: Origin, checkpoint_every_s: float) -> None:
    """Do what is left of a run, on one thread; a finished run is left alone.

    Args:
        run: what to do.
        folder: of the files.
        origin: for the description.
        checkpoint_every_s: SIGKILL loses no more than this and the time between evaluations.

    Raises:
        PerlError: its files are of another configuration, or learning failed.
    """
    torch.set_num_threads(1)
    files = GridRunFiles(folder, run)
    with files.locked():
        if not files.is_finished():
            Runner(run, folder, origin).go(checkpoint_every_s)
