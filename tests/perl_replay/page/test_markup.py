"""What a bag says cannot become part of a page."""

from html.parser import HTMLParser
import math

from hypothesis import given
from hypothesis import strategies as st
from perl_replay.page.markup import Markup, escaped, figure, joined, number, short, table, tag
import pytest


class Elements(HTMLParser):
    """Names of all elements, and the text."""

    def __init__(self, text):
        super().__init__()
        self.names, self.attributes, self.said = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, name, attributes):
        self.names.append(name)
        self.attributes += attributes

    def handle_data(self, data):
        self.said.append(data)


@given(st.text(max_size=50))
def test_any_text_is_text_and_nothing_else(text):
    parsed = Elements(tag('td', text, title=text))
    assert parsed.names == ['td']
    assert [name for name, _ in parsed.attributes] == ['title']
    page = str(tag('td', text))
    assert page.encode()  # no halves of characters
    assert '\u202e' not in page


@given(st.text(alphabet='<>&"\'a', max_size=20))
def test_what_a_reader_sees_is_what_was_said(text):
    assert ''.join(Elements(tag('td', text)).said) == text


def test_markup_stays_and_is_not_made_of_strings_by_chance():
    inner = tag('b', 'x')
    assert tag('td', inner, 3, None) == '<td><b>x</b>3</td>'
    assert escaped(inner + '<') == escaped(str(inner) + '<') != inner + '<'
    assert joined('<', Markup('<br>')) == '&lt;<br>'


def test_names_of_attributes():
    assert tag('g', class_='a', data_at='1', viewBox='0', x=None) == (
        '<g class="a" data-at="1" viewBox="0"></g>'
    )


def test_long_texts_are_cut_and_unseen_characters_shown():
    assert len(escaped('x' * 10_000)) < 2100
    assert escaped('x' * 10_000).endswith('(10000 characters)')
    assert escaped('a\x1b[2J\u202eb\ud800') == 'a\ufffd[2J\ufffdb\ufffd'


@pytest.mark.parametrize(
    ('value', 'shown'),
    [(1.005, '1.00'), (-2.5, '−2.50'), (math.nan, '–'), (None, '–'), (math.inf, '∞')],
)
def test_numbers(value, shown):
    assert number(value, 2) == shown
    if value is None or not math.isfinite(value):
        assert short(value) == shown


def test_tables_have_headings_for_those_who_hear_them():
    made = table('caption', ['a', 'b'], [['x', '<y>']])
    parsed = Elements(made)
    assert parsed.names == [
        'div', 'table', 'caption', 'thead', 'tr', 'th', 'th', 'tbody', 'tr', 'th', 'td'
    ]  # fmt: skip
    assert [value for name, value in parsed.attributes if name == 'scope'] == ['col', 'col', 'row']
    assert '&lt;y&gt;' in made
    assert Elements(figure(tag('svg'), 'words', 'space')).attributes == [('id', 'figure-space')]
