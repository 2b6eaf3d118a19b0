import json

import benchmark_layers as bench
from benchmark_timing import median_and_interval
import pytest

TINY = bench.Args(width=16, batch=4, rounds=3, warm_up=1)


def test_every_row_is_measured_and_the_last_line_is_json(capsys):
    code = bench.main(TINY)
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert len(last['rows']) == len(bench.TRAINING) + len(bench.INFERENCE)
    assert code == (0 if last['is_met'] else 1)
    assert last['is_met'] == all(row['is_met'] for row in last['rows'])
    for row in last['rows']:
        assert row['low'] <= row['ratio'] <= row['high']
        assert row['is_met'] == (row['bar'] is None or row['ratio'] <= row['bar'])


@pytest.mark.parametrize('slow', [False, True])
def test_a_missed_bar_fails(monkeypatch, capsys, slow):
    # Any network takes longer than nothing, and less than a million plain ones.
    bar = 0.0 if slow else 1e6
    monkeypatch.setattr(bench, 'TRAINING', (bench.Row(group='C4', kind='residual', bar=bar),))
    monkeypatch.setattr(bench, 'INFERENCE', ())
    assert bench.main(TINY) == int(slow)
    assert ('MISSED' in capsys.readouterr().out) == slow


def test_the_median_lies_within_its_interval():
    values = [float(value) for value in range(101)]
    assert median_and_interval(values[::-1]) == (50.0, 40.0, 61.0)
    assert median_and_interval([3.0]) == (3.0, 3.0, 3.0)
