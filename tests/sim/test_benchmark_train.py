import dataclasses
import json
import subprocess
import sys

import benchmark_train as bench
from perl_core.errors import ConfigError
import pytest

TINY = bench.Args(width=8, batch=4, rounds=2, steps=8, warm_up=1, memory=False)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(bench, 'RANDOM_STEPS', 20)
    monkeypatch.setattr(bench, 'BUFFER', 500)


@pytest.fixture
def without_the_other_library(monkeypatch):
    monkeypatch.setattr(bench, 'SAC', None)


def test_every_agent_is_measured_and_the_last_line_is_json(monkeypatch, capsys):
    pytest.importorskip('stable_baselines3')
    code = bench.main(TINY)
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(last['milliseconds']) == {'sac', 'pe', 'sb3'}
    assert len(last['ratios']) == len(bench.BARS)
    assert code == (0 if last['is_met'] else 1)
    for row in last['ratios']:
        assert row['low'] <= row['ratio'] <= row['high']
        assert row['is_met'] == (row['ratio'] <= row['bar'])


def test_a_missing_library_is_named(without_the_other_library):
    with pytest.raises(ConfigError, match='only this benchmark needs it'):
        bench.main(TINY)


def test_a_missed_bar_fails(monkeypatch, capsys):
    results = {'milliseconds': {'sac': 1.0}, 'ratios': [
        {'over': 'pe', 'under': 'sac', 'ratio': 1.3, 'low': 1.2, 'high': 1.4, 'bar': 1.25,
         'is_met': False},
    ]}  # fmt: skip
    monkeypatch.setattr(bench, 'timed', lambda *_: results)
    assert bench.main(TINY) == 1
    assert 'MISSED' in capsys.readouterr().out


@pytest.mark.parametrize('kind', ['sac', 'pe'])
def test_memory_is_measured_with_a_full_buffer(kind, capsys):
    assert bench.main(dataclasses.replace(TINY, memory_of=kind)) == 0
    assert 100.0 < float(capsys.readouterr().out) < 10_000.0


def test_help_names_every_option():
    done = subprocess.run(
        [sys.executable, bench.__file__, '--help'], capture_output=True, text=True
    )
    assert done.returncode == 0
    assert '--rounds' in done.stdout
