"""Pages in a real browser: nothing fails, nothing leaves, every picture shows something."""

import json
from pathlib import Path
import subprocess
import sys

from perl_replay.comparison import compare_bags
from perl_replay.evaluation import EvaluationOptions
from perl_replay.page.comparison_page import comparison_page
from perl_replay.page.document import document, write_document
from perl_replay.page.evaluation_page import evaluation_page
from perl_replay.page.making import trace_bag
from perl_replay.page.markup import Markup
import pytest

pytest.importorskip(
    'PySide6.QtWebEngineCore', reason='no browser here: pip install the extra browser',
    exc_type=ImportError,
)
ROOT = Path(__file__).parents[3]
TURN = """
(() => {
  const svg = document.querySelector('svg.space');
  const line = svg.querySelector('polyline.equivariant');
  const places = () => line.getAttribute('points');
  const first = places();
  svg.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowLeft'}));
  const turned = places();
  const buttons = [...document.querySelectorAll('.controls button')];
  buttons[0].click();
  const back = places();
  const choice = document.querySelector('.controls select');
  choice.value = 'goal 2';
  choice.dispatchEvent(new Event('change'));
  const shown = [...svg.querySelectorAll('[data-goal]:not(.hidden)')].map((g) => g.dataset.goal);
  choice.value = 'all goals';
  choice.dispatchEvent(new Event('change'));
  return JSON.stringify({first, turned, back, shown, buttons: buttons.length});
})()
"""


def render(page, *options):
    """Return what the browser saw."""
    command = [sys.executable, str(ROOT / 'tools' / 'render_page.py'), str(page), *options]
    result = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(scope='module')
def page(reach, tmp_path_factory):
    path = tmp_path_factory.mktemp('page') / 'reach.html'
    write_document(path, evaluation_page(*reach))
    return path


def require_sound(seen, page, most_wide=1040):
    assert seen['console'] == []
    assert seen['violations'] == []
    assert seen['requests'] == [page.as_uri()]
    assert seen['width'] <= most_wide
    assert seen['figures']
    for figure in seen['figures']:
        # Axes alone, smoothed, have about ten colours; a blank picture has one.
        assert figure['colours'] >= 12, figure
        assert min(figure['box'][2:]) > 60, figure
        assert figure['box'][2] >= 200, figure


@pytest.mark.parametrize('dark', [False, True])
def test_the_page_of_an_evaluation(page, dark, tmp_path):
    picture = tmp_path / 'page.png'
    seen = render(page, '--out', str(picture), '--script', TURN, *(['--dark'] if dark else []))
    require_sound(seen, page)
    assert seen['dark'] is dark
    assert len({figure['id'] for figure in seen['figures']}) == 11
    assert picture.stat().st_size > 50_000
    turned = json.loads(seen['script'])
    assert turned['turned'] != turned['first']
    assert turned['buttons'] == 6
    assert turned['shown'] == ['goal 2']
    # The script projects as the page did: within the rounding of places and pixels.
    places = [
        [float(number) for at in turned[name].split() for number in at.split(',')]
        for name in ('first', 'back')
    ]
    assert places[0] == pytest.approx(places[1], abs=0.5)


def test_on_a_telephone_nothing_is_cut_off(page):
    require_sound(render(page, '--width', '390'), page, most_wide=390)


def test_a_comparison_and_a_hostile_bag(reach, hostile_bag, tmp_path):
    compared = tmp_path / 'compared.html'
    write_document(compared, comparison_page(compare_bags(*[reach.evaluation] * 2), reach, reach))
    require_sound(render(compared), compared)
    attacked = tmp_path / 'attacked.html'
    run = trace_bag(hostile_bag, EvaluationOptions(partial=True))
    write_document(attacked, evaluation_page(*run))
    seen = render(attacked)
    require_sound(seen, attacked)
    assert seen['title'] == 'Evaluation of <b>bag'


def test_even_unescaped_nothing_runs_and_nothing_leaves(tmp_path):
    page = tmp_path / 'broken.html'
    smuggled = Markup(
        '<script>document.title = "taken"</script>'
        '<img src="http://127.0.0.1:9/x"><p style="color:red" onclick="alert(1)">x</p>'
    )
    write_document(page, document('safe', smuggled))
    seen = render(page)
    assert seen['title'] == 'safe'
    assert len(seen['violations']) >= 2
    assert seen['requests'] == [page.as_uri()]
