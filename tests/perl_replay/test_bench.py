"""The real bench, small: it measures, says what, and would fail at its bars."""

import json
from pathlib import Path
import subprocess
import sys

from perl_replay.bench_recorder import MOST_CORE, MOST_LOSS_S, RecorderFigures
import pytest

BAG = Path(__file__).parents[1] / 'bags' / 'reach'


def test_the_bench_measures_speed_memory_cost_and_loss():
    done = subprocess.run(
        [sys.executable, '-m', 'perl_replay.bench', str(BAG), '--short', '12', '--record', '1',
         '--kills', '1'],
        capture_output=True, text=True, timeout=120, check=False,
    )
    figures = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == (0 if figures['ok'] else 1), done.stderr
    assert figures['evaluation']['duration_s'] > 40.0
    assert figures['evaluation']['joint_rate_hz'] == pytest.approx(500.0, rel=0.01)
    assert (figures['recorder']['published'], figures['recorder']['dropped']) == (550, 0)
    assert figures['recorder']['core'] > 0.0
    assert len(figures['recorder']['kill_losses_s']) == 1
    assert 'times real time' in done.stdout
    assert '0 of 550 messages dropped' in done.stdout


@pytest.mark.parametrize(('dropped', 'core', 'losses_s', 'ok'), [
    (0, 0.05, (0.4, 0.6), True),
    (1, 0.05, (0.4,), False),
    (0, MOST_CORE, (0.4,), False),
    (0, 0.05, (0.1, MOST_LOSS_S + 0.01), False),
])
def test_the_bars_of_the_recorder(dropped, core, losses_s, ok):
    figures = RecorderFigures(
        duration_s=1.0, published=550, dropped=dropped, core=core, kill_losses_s=losses_s
    )
    assert figures.ok is ok
