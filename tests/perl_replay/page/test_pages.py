"""From a bag to its page: figures, pictures, what is missing, and no markup of the bag's own."""

import dataclasses
import gc
from html.parser import HTMLParser
import json
from pathlib import Path
import re
import tracemalloc

import numpy as np
from perl_replay.bag_copy import Cut, copy_bag
from perl_replay.comparison import compare_bags
from perl_replay.evaluation import EvaluationOptions, evaluate_bag
from perl_replay.goal_values import GOAL_VALUES
from perl_replay.page import evaluation_page as pages
from perl_replay.page.comparison_page import comparison_page
from perl_replay.page.evaluation_page import evaluation_page
from perl_replay.page.figure_names import FIGURE_NAMES
from perl_replay.page.files import BESIDE, beside, pages_of
from perl_replay.page.making import evaluate_to_page, trace_bag
from perl_replay.page.traces import Traces

PARTIAL = EvaluationOptions(partial=True)
FIGURES = ['space', 'errors', 'goals', 'gate-path', 'gate-space', 'shares', 'prediction',
           'symmetry', 'latency', 'timing', 'timeline']


class Page(HTMLParser):
    """What a browser would make of a page."""

    VOID = ('meta',)

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.names, self.attributes, self.said = [], [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, name, attributes):
        self.names.append(name)
        self.attributes += attributes
        self.ids += [value for key, value in attributes if key == 'id']
        if name not in self.VOID:
            self.open.append(name)

    def handle_endtag(self, name):
        assert self.open.pop() == name

    def handle_data(self, data):
        if self.open[-1:] not in (['script'], ['style']):
            self.said.append(data)

    @property
    def text(self):
        return ' '.join(self.said)


def test_a_page_holds_every_figure_and_needs_nothing_else(reach):
    made = evaluation_page(reach.evaluation, reach.traces)
    page = Page(made)
    assert [name for name in page.ids if name.startswith('figure-')] == [
        f'figure-{name}' for name in FIGURES
    ]
    assert 'All 3 goals were reached and nothing stopped.' in page.text
    sources = {'src', 'srcset', 'action', 'data', 'xlink:href', 'poster', 'style'}
    assert sources.isdisjoint(key for key, _ in page.attributes)
    assert all(value.startswith('#') for key, value in page.attributes if key == 'href')
    assert 'url(' not in made and '@import' not in made
    assert len(made) < 1_000_000
    assert not re.search(r'\b(nan|inf|None)\b', page.text)
    assert set(page.names) <= {
        'html', 'head', 'meta', 'title', 'style', 'body', 'main', 'h1', 'h2', 'p', 'div', 'nav',
        'a', 'section', 'table', 'caption', 'thead', 'tbody', 'tr', 'th', 'td', 'figure',
        'figcaption', 'span', 'svg', 'g', 'polyline', 'path', 'circle', 'rect', 'text', 'strong',
        'script', 'ul', 'li', 'details', 'summary', 'pre',
    }  # fmt: skip


def test_main_figures_are_those_of_the_evaluation(reach):
    summary = reach.evaluation.summary
    text = Page(evaluation_page(reach.evaluation, reach.traces)).text
    for shown in (
        '3 of 3', f'{summary.position_error_mean_m * 1e3:.2f} / '
        f'{summary.position_error_max_m * 1e3:.2f}', f'{summary.path_length_mean_m:.3f}',
        'within the tolerance, 10.00', '266 of 266',
    ):
        assert shown in text


def test_the_same_evaluation_makes_the_same_page(reach, bags, monkeypatch):
    # The source tree may change meanwhile.
    monkeypatch.setattr(pages, 'describe_software', lambda: {'git_hash': 'f00d'})
    again = trace_bag(bags / 'reach', EvaluationOptions())
    page = evaluation_page(*again)
    assert page == evaluation_page(reach.evaluation, reach.traces)
    assert 'f00d' in page


def test_a_stop_is_seen(bags, tmp_path):
    evaluation = evaluate_to_page(bags / 'stop', EvaluationOptions(), tmp_path / 'deep' / 'p.html')
    page = Page((tmp_path / 'deep' / 'p.html').read_text('utf-8'))
    assert not evaluation.ok
    for problem in evaluation.problems:
        assert problem in page.text
    assert 'How the arm came to rest after each stop.' in page.text
    assert '1.38 s: STOP tool_speed' in page.text


def test_hostile_texts_stay_texts(hostile_bag):
    run = trace_bag(hostile_bag, PARTIAL)
    page = Page(evaluation_page(*run))
    assert page.names.count('script') == 1
    assert 'img' not in page.names
    assert not [key for key, _ in page.attributes if key.startswith('on')]
    assert page.text.count('<img src=') >= 6
    assert page.text.count('alert(1)') >= 6
    compared = Page(comparison_page(compare_bags(run.evaluation, run.evaluation), run, run))
    assert compared.names.count('script') == 1
    assert 'img' not in compared.names


def test_a_part_is_called_a_part_and_says_what_is_missing(start_run, goal_type):
    run = start_run('bag', without=('/joint_states', '/perl_controller/command'))
    run.controller(3)
    run.pursue(goal_type())
    page = Page(evaluation_page(*trace_bag(run.close(), PARTIAL)))
    assert 'Only a part of this recording was evaluated.' in page.text
    assert "lacks the topics ['/joint_states', '/perl_controller/command']" in page.text
    assert 'What was not evaluated' in page.text
    assert 'figure-symmetry' not in page.ids
    assert 'nothing stopped' not in page.text


def test_a_goal_without_states_and_a_bag_without_goals(start_run, goal_type):
    run = start_run('short')
    run.controller(3)
    run.event(np.zeros(16, np.uint8), 255)
    run.event(np.zeros(16, np.uint8), 2)
    run.timing(np.ones(3))
    page = Page(evaluation_page(*trace_bag(run.close(), PARTIAL)))
    assert 'canceled' in page.text
    run = start_run('none')
    run.controller(2)
    run.timing([np.nan, np.inf, 0.0])
    page = Page(evaluation_page(*trace_bag(run.close(), PARTIAL)))
    assert 'the bag holds no goal' in page.text


def test_pictures_of_many_goals_stay_small(reach):
    traces = reach.traces
    before = len(traces.goals)
    goals, evaluation = reach.evaluation.goals, reach.evaluation
    many = tuple(
        dataclasses.replace(goal, goal_id=f'{turn}-{goal.goal_id}', started_s=12.0 * turn)
        for turn in range(200) for goal in goals
    )
    made = evaluation_page(dataclasses.replace(evaluation, goals=many), traces)
    assert len(made) < 3_000_000
    assert 'The other 900 are in JSON and CSV.' in made
    assert len(traces.goals) == before


def test_memory_does_not_grow_with_the_number_of_goals(bags):
    seen = []
    evaluate_bag(bags / 'reach', observe=lambda *shown: seen.append(shown))
    traces, peaks = Traces(), []
    tracemalloc.start()
    for goals in (150, 1500):
        for number in range(goals):
            episode, figures, signals = seen[number % len(seen)]
            later = dataclasses.replace(figures, started_s=figures.started_s + 2.0 * number)
            traces.add(episode, later, signals)
        gc.collect()
        peaks.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
    assert len(traces.goals) <= 60
    time_s, _ = traces.signals.series('gate')
    assert time_s[-1] > 2.0 * 1450


def test_a_comparison_shows_each_figure_in_words(reach):
    page = Page(comparison_page(compare_bags(reach.evaluation, reach.evaluation), reach, reach))
    for name in FIGURE_NAMES.values():
        assert name.text in page.text
    assert page.text.count('no clear difference') == 1 + len(FIGURE_NAMES)
    assert [name for name in page.ids if name.startswith('figure-')] == [
        'figure-forest', 'figure-pairs', 'figure-space'
    ]


def test_every_figure_of_goals_has_a_name():
    assert list(FIGURE_NAMES) == list(GOAL_VALUES)


def test_where_pages_are_written(tmp_path):
    bags = [Path('a'), Path('b/c.mcap')]
    assert pages_of(bags, None) == [None, None]
    assert pages_of(bags, BESIDE) == [Path('a.html').absolute(), Path('b/c.html').absolute()]
    assert pages_of(bags[:1], Path('x.html')) == [Path('x.html')]
    assert pages_of(bags, Path('d/x.html')) == [Path('d/x-1.html'), Path('d/x-2.html')]
    assert beside(tmp_path / 'demo_1.2', '_more') == tmp_path / 'demo_1.2_more.html'


def test_commands_write_pages(bags, tmp_path, run_here):
    for name in ('reach', 'stop'):
        (tmp_path / name).symlink_to(bags / name)
    overview = tmp_path / 'all.html'
    result = run_here('evaluate', tmp_path / 'reach', tmp_path / 'stop', '--html', overview)
    assert result.returncode == 1, result.stderr
    page = Page(overview.read_text('utf-8'))
    links = [value for key, value in page.attributes if key == 'href']
    assert links == ['all-1.html', 'all-2.html']
    assert all((tmp_path / link).exists() for link in links)
    copy_bag(bags / 'reach', tmp_path / 'a', Cut())
    result = run_here('evaluate', tmp_path / 'a', '--html')
    assert result.returncode == 0, result.stderr
    assert f'Report: {tmp_path}/a.html' in result.stdout
    assert json.loads(result.stdout.splitlines()[-1])['html'] == f'{tmp_path}/a.html'
    result = run_here('compare', tmp_path / 'a', bags / 'reach', '--html', tmp_path / 'c.html')
    assert result.returncode == 0, result.stderr
    assert 'B, reach, against A, a' in Page((tmp_path / 'c.html').read_text('utf-8')).text
    result = run_here('evaluate', tmp_path / 'a', '--html', tmp_path / 'a' / 'metadata.yaml/x')
    assert (result.returncode, result.stderr.startswith('perl_replay: ')) == (2, True)
