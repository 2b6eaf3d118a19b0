"""The bench of the control loop: its figures, its bars, its exit codes."""

import json

import numpy as np
from perl_control.bench_loop import bars_of, figures_of, main
from perl_control.bench_run import Measured
from perl_control.telemetry import RECORD
import pytest


def measured(work_us=150.0, lateness_us=50.0, grown_kib=0):
    records = np.zeros(2000, dtype=RECORD)
    records['work_us'], records['filter_us'] = work_us, 80.0
    records['lateness_us'], records['state_age_us'] = lateness_us, 15_000.0
    records['policy_ran'][::20] = True
    memory_kib = np.r_[np.full(20, 1000), np.full(10, 1000 + grown_kib)]
    return Measured(records, 0, np.full(2000, 40.0, np.float32), memory_kib, '')


@pytest.mark.parametrize(
    ('run', 'missed'),
    [
        (measured(), set()),
        (measured(work_us=300.0), {'p50 work of a tick [us]'}),
        (measured(lateness_us=70.0), {'p99 lateness [us]'}),
        (measured(grown_kib=2000), {'growth of memory [KiB]'}),
    ],
)
def test_every_bar_can_be_missed(run, missed):
    figures = figures_of(run)
    assert {bar.name for bar in bars_of(figures) if not bar.ok} == missed
    assert figures['old_states'] == {'10 ms': 2000, '20 ms': 0, '50 ms': 0, '100 ms': 0}
    json.dumps(figures)


@pytest.mark.alone
def test_the_bench_measures_a_moving_arm(toy_bundle, tmp_path, capsys):
    file = tmp_path / 'figures.json'
    arguments = ['--bundle', str(toy_bundle), '--seconds', '2', '--address', '127.0.2.65']
    assert main([*arguments, '--json', str(file)]) in (0, 1)
    figures = json.loads(file.read_text())
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == figures
    assert figures['ticks'] > 500
    assert figures['moving_share'] > 0.5


def test_a_bench_that_cannot_run_says_why(tmp_path, capsys):
    assert main(['--bundle', str(tmp_path), '--address', '127.0.2.66', '--seconds', '1']) == 2
    assert 'bench_loop: ' in capsys.readouterr().err
