"""One run from start to end: act, remember, learn, measure; goes on where it was interrupted."""

from collections.abc import Callable
from pathlib import Path
import time
from typing import Any

from grid_experiment.files import Checkpoint, RunFiles
from grid_experiment.measures import measure, truth_of
from grid_experiment.plan import Run
import numpy as np
from perl_core.agents.dqn import DQN
from perl_core.symmetry import group_named, regular, vector
from perl_core.tabular import GridWorld, cells
from perl_sim.envs.grid_world import position_observations
from perl_sim.envs.vector_grid_world import VectorGridWorld
import torch

GROUP = group_named('C4')
OBSERVATION = vector(GROUP)
"""The position (x, y)."""
ACTION = regular(GROUP)
"""Right, up, left, down: a quarter turn shifts them by one."""
CHECKPOINT_EVERY_S = 20.0
"""SIGKILL loses no more than this and one evaluation."""


def drawn(world: GridWorld) -> list[str]:
    """Return a map of a world, from the top row down: # obstacle, - penalty, G goal, . free."""
    signs = {world.goal: 'G'} | dict.fromkeys(world.obstacles, '#')
    signs |= dict.fromkeys(world.penalties, '-')
    row = [signs.get(cell, '.') for cell in cells(world.size)]
    starts = range(len(row) - world.size, -1, -world.size)
    return [''.join(row[start : start + world.size]) for start in starts]


class Runner:
    """A run in progress."""

    def __init__(self, run: Run, folder: Path) -> None:
        """Build the worlds and the agent.

        Args:
            run: what to do.
            folder: where its files are.
        """
        self.run, self.files = run, RunFiles(folder, run)
        plan = run.plan
        self._environment = VectorGridWorld(run.worlds, plan.copies)
        self._truths = [truth_of(world) for world in self._environment.worlds]
        self._seen = torch.from_numpy(position_observations(plan.world.size))
        self._agent = DQN(
            plan.learning, OBSERVATION, ACTION, range(plan.seeds), oracle=self._oracle()
        )
        self._rounds = plan.steps // plan.copies
        self._done = 0
        self._seconds = 0.0

    def _oracle(self) -> Callable[[torch.Tensor], torch.Tensor]:
        """Return the exact broken pairs as a function of what the agents see."""
        broken = torch.from_numpy(np.stack([truth.broken for truth in self._truths])).float()
        size, half = self.run.plan.world.size, self.run.plan.world.size // 2
        seeds = torch.arange(len(broken))[:, None]

        def looked_up(observations: torch.Tensor) -> torch.Tensor:
            x, y = (observations * half + half).round().long().unbind(dim=-1)
            return broken[seeds, y * size + x]

        return looked_up

    def go(self, origin: dict[str, Any]) -> None:
        """Do what is left of the run.

        Args:
            origin: commit and command, for the description.
        """
        if self.files.is_finished():
            return
        self.files.describe(origin=origin, layouts=self._layouts())
        self._resume()
        every = self._rounds // self.run.plan.evaluations
        started = saved = time.monotonic()
        before = self._seconds
        while True:
            if self._done % every == 0:
                self._evaluate(origin)
                self._seconds = before + time.monotonic() - started
                if time.monotonic() - saved > CHECKPOINT_EVERY_S:
                    self._save()
                    saved = time.monotonic()
            if self._done == self._rounds:
                break
            self._round()
            self._done += 1
        self._write_gate()
        self.files.describe(
            origin=origin, layouts=self._layouts(), seconds=round(self._seconds, 1)
        )
        self.files.remove_checkpoint()

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

    def _evaluate(self, origin: dict[str, Any]) -> None:
        q, gate = self._values()
        self.files.append([
            {
                'variant': self.run.variant, 'agent': self.run.agent, 'seed': seed,
                'step': self._done * self.run.plan.copies,
                'config': self.run.digest, 'git': origin['git'],
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

    def _layouts(self) -> list[list[str]]:
        """Return a map of each seed's world, a string a row from the top."""
        return [drawn(world) for world in self._environment.worlds]

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


def do_run(run: Run, folder: Path, origin: dict[str, Any]) -> None:
    """Do what is left of a run, on one thread; a finished run is left alone.

    Args:
        run: what to do.
        folder: of the files.
        origin: 'git' and 'command', for the description.

    Raises:
        PerlError: its files are of another configuration, or learning failed.
    """
    torch.set_num_threads(1)
    Runner(run, folder).go(origin)
