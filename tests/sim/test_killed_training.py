"""The real training script, ended by SIGKILL: resumed, it has the curve of a run left alone."""

import importlib.util
import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

import pytest
import tyro

SCRIPT = Path(__file__).parents[2] / 'sim' / 'train.py'
# No multiple of the horizon of 125 steps, so that checkpoints cut episodes.
TINY = (
    '--agent.kind', 'pe', '--agent.width', '16', '--agent.gate.warm-up-updates', '5',
    '--training.steps', '200', '--training.random-steps', '30', '--training.batch-size', '16',
    '--training.update-every', '4', '--training.evaluate-every', '100',
    '--training.evaluation-episodes', '1', '--training.checkpoint-every', '40',
)  # fmt: skip


def train(folder, *more):
    spec = importlib.util.spec_from_file_location('sim_train_to_kill', SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    module.main(tyro.cli(module.Args, args=['--run', str(folder), *TINY, *more]))


def curve(folder):
    lines = (folder / 'evaluations.jsonl').read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != 'seconds'} for line in lines]


@pytest.mark.timeout(300)
def test_a_run_that_sigkill_ended_goes_on_with_the_same_curve(tmp_path):
    killed = tmp_path / 'killed'
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), '--run', str(killed), *TINY],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        until = time.monotonic() + 200
        while not list(killed.glob('checkpoint-*')) and process.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.02)
    finally:
        # The whole group: the interpreter may have started itself anew.
        os.killpg(process.pid, signal.SIGKILL)
        said = process.communicate()[1].decode()
    reached = [path.name for path in killed.glob('checkpoint-*')]
    assert process.returncode == -9, said
    assert 'checkpoint-000000200' not in reached
    train(killed, '--resume')
    train(tmp_path / 'left_alone')
    assert curve(killed) == curve(tmp_path / 'left_alone')
    assert len(curve(killed)) == 2
