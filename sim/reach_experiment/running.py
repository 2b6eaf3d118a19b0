"""One run from start to end; goes on from its newest checkpoint where it was interrupted."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from experiment.files import replace_text
from experiment.runs import Origin
import gymnasium
import numpy as np
from perl_core.agents.pe_sac import PESAC
from perl_core.checkpoint import read_config, require_same_config
from perl_core.training import Environments, Trainer
from perl_sim import REACH_ID
from reach_experiment.files import ReachRunFiles
from reach_experiment.gate_map import Gate, gate_rows, write_gate_map
from reach_experiment.plan import ReachRun
import torch

CHECKPOINTS = 'checkpoint-*'


def gate_of(agent: PESAC) -> Gate:
    """Return the state gate of an agent as a function of arrays."""

    @torch.no_grad()
    def gate(observations: np.ndarray) -> np.ndarray:
        return agent.gate.probability(torch.from_numpy(observations)).numpy()

    return gate


def machine() -> dict[str, Any]:
    """Return what computes: processor, number of cores, version of torch."""
    names = [
        line.split(':', 1)[1].strip()
        for line in Path('/proc/cpuinfo').read_text(encoding='utf-8').splitlines()
        if line.startswith('model name')
    ]
    return {'processor': names[0] if names else '', 'cores': os.cpu_count(),
            'torch': torch.__version__}  # fmt: skip


def do_run(run: ReachRun, raw: Path, runs: Path, origin: Origin) -> None:
    """Do what is left of a run, on one thread; a finished run is left alone.

    Args:
        run: what to do.
        raw: folder of figures.
        runs: folder of run folders.
        origin: for the description.

    Raises:
        PerlError: its files are of another configuration, or learning failed.
    """
    torch.set_num_threads(1)
    files = ReachRunFiles(raw, runs, run)
    with files.locked():
        if files.is_finished():
            return
        described = {'git': origin.git, 'command': origin.command, 'machine': machine()}
        files.describe(**described)
        trainer = _trainer(run, files, origin)
        # The trainer has a progress bar of its own, and so has the experiment.
        log = (files.working / 'log.txt').open('a', encoding='utf-8')
        with log, contextlib.redirect_stdout(log):
            trainer.run()
        files.write_curve(origin.git)
        if run.agent.kind == 'pe':
            write_gate_map(files.gate_map, gate_rows(gate_of(trainer.agent), run.evaluation))
        seconds = files.evaluations()[-1]['seconds']
        files.describe(**described, seconds=seconds)
        files.tidy()


def _trainer(run: ReachRun, files: ReachRunFiles, origin: Origin) -> Trainer:
    """Return a trainer that stands where the run was interrupted, or at its start."""
    is_begun = any(files.working.glob(CHECKPOINTS))
    if is_begun:
        saved = read_config(files.working)
        expected = run.saved_config()
        require_same_config({key: saved.get(key, {}) for key in expected}, expected)
    else:
        files.start_again()
        files.working.mkdir(parents=True)
        config = run.saved_config() | {'origin': origin._asdict()}
        replace_text(files.working / 'config.json', json.dumps(config, indent=2) + '\n')
    environments = Environments(*(
        gymnasium.make(REACH_ID, config=config, disable_env_checker=True)
        for config in (run.environment, run.evaluation)
    ))  # fmt: skip
    agent = PESAC(run.agent, run.environment.contract, run.seed)
    trainer = Trainer(agent, environments, run.training, files.working)
    if is_begun:
        trainer.resume()
    return trainer
