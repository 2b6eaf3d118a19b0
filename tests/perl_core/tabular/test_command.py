import json

from perl_core.tabular import __main__ as command
from perl_core.tabular import report
import pytest

SMALL = ['--seeds', '3', '--states', '6', '--actions', '2', '--order', '2', '--grid-size', '5',
         '--obstacles', '0', '4']  # fmt: skip


def test_it_prints_every_statement_and_ends_in_json(capsys):
    assert command.main(SMALL) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    assert any('Corollary 1' in line and 'oracle' in line for line in lines)
    result = json.loads(lines[-1])
    assert (result['seeds'], result['violated']) == ([3], 0)
    by_key = {(row['world'], row['statement'], row['gate']): row for row in result['rows']}
    # Three random MDPs, two obstacle counts, the stochastic and the penalty world; 9 rows each.
    assert len(by_key) == len(result['rows']) == 7 * 9
    assert by_key['grid, 4 obstacles', 'Proposition 1', '-']['error'] > 0.01
    assert by_key['grid, 4 obstacles', 'Corollary 1', 'oracle']['error'] < 1e-9
    assert by_key['grid, 0 obstacles', 'Proposition 1', '-']['error'] < 1e-9
    assert all(0.0 <= row['tightness'] <= 1.0 for row in result['rows'])


def test_a_violated_bound_is_an_error_of_the_command(capsys, monkeypatch):
    right = report.one_step_bound
    monkeypatch.setattr(report, 'one_step_bound', lambda *given: 0.01 * right(*given))
    assert command.main(SMALL) == 1
    result = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    violated = {row['statement'] for row in result['rows'] if not row['holds']}
    assert violated == {'Lemma 1', 'Proposition 1', 'Corollary 1'}
    assert result['violated'] > 0


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (['--discount', '1'], r'discount must be in [0, 1), got 1.0'),
        (['--grid-size', '4'], 'size must be odd and at least 3, got 4'),
        (['--obstacles', '99'], '99 obstacles do not fit'),
        (['--order', '0'], 'order must be at least 1, got 0'),
    ],
)
def test_bad_options_are_explained(capsys, changes, message):
    assert command.main([*SMALL, *changes]) == 2
    assert message in capsys.readouterr().err


def test_help_explains_every_option(capsys):
    with pytest.raises(SystemExit) as exit_info:
        command.main(['--help'])
    assert exit_info.value.code == 0
    text = ' '.join(capsys.readouterr().out.split())
    assert 'gamma of every MDP' in text
    assert 'Exit code 1 if a bound is violated' in text


def test_each_choice_of_value_max_is_checked(capsys, monkeypatch):
    right = report.one_step_bound
    monkeypatch.setattr(report, 'half_span', lambda q: 0.0)
    monkeypatch.setattr(
        report, 'one_step_bound', lambda true, averaged, value_max: (
            right(true, averaged, value_max) * (value_max > 0.0)
        ),
    )  # fmt: skip
    assert command.main(SMALL) == 1
    result = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    violated = {row['statement'] for row in result['rows'] if not row['holds']}
    assert violated == {'Lemma 1', 'Proposition 1', 'Corollary 1'}
