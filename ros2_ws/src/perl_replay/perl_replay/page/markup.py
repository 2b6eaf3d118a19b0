"""HTML and SVG as text that cannot be broken by what a bag says: everything else is escaped."""

import html
import math
import re
from typing import Any

_MOST_CHARACTERS = 2000
"""Of one text; a bag may hold a book."""
_UNSEEN = re.compile(
    '[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]'
)
"""Control characters, those that turn the direction of writing, and halves of characters."""


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def escaped(value: Any) -> Markup:
    """Return any value as HTML text; markup stays as it is."""
    if isinstance(value, Markup):
        return value
    text = str(value)
    if len(text) > _MOST_CHARACTERS:
        text = f'{text[:_MOST_CHARACTERS]}… ({len(text)} characters)'
    return Markup(html.escape(_UNSEEN.sub('\N{REPLACEMENT CHARACTER}', text)))


def tag(name: str, *children: Any, **attributes: Any) -> Markup:
    """Return an element.

    Args:
        name: of the element.
        children: texts, numbers or markup; None is left out.
        attributes: ``class_`` stands for ``class``, ``data_at`` for ``data-at``; None is left out.
    """
    written = ''.join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f'<{name}{written}>{joined(*children)}</{name}>')


def joined(*children: Any) -> Markup:
    """Return all children, one after the other."""
    return Markup(''.join(escaped(child) for child in children if child is not None))


def number(value: float | None, digits: int = 2, scale: float = 1.0) -> str:
    """Return a number times ``scale``, or a dash for what was not recorded."""
    if value is None or math.isnan(value):
        return '–'
    if math.isinf(value):
        return '∞'
    return f'{value * scale:.{digits}f}'.replace('-', '\N{MINUS SIGN}')


def short(value: float | None, scale: float = 1.0) -> str:
    """Return a number times ``scale`` with three digits, or a dash for what was not recorded."""
    if value is None or not math.isfinite(value):
        return number(value)
    return f'{value * scale:.3g}'.replace('-', '\N{MINUS SIGN}')


def table(caption: str, headings: list[str], rows: list[list[Any]], kind: str = '') -> Markup:
    """Return a table; the first cell of each row is its heading."""
    head = tag('tr', *(tag('th', heading, scope='col') for heading in headings))
    body = [
        tag('tr', tag('th', row[0], scope='row'), *(_cell(value) for value in row[1:]))
        for row in rows
    ]
    whole = tag(
        'table', tag('caption', caption), tag('thead', head), tag('tbody', *body), class_=kind
    )
    return tag('div', whole, class_='wide', tabindex='0', role='region', aria_label=caption)


def _cell(value: Any) -> Markup:
    """Return a cell; markup may be a whole cell already."""
    if isinstance(value, Markup) and value.startswith('<td'):
        return value
    return tag('td', value)


def figure(picture: Markup, caption: str, name: str) -> Markup:
    """Return a picture with what it shows, in words.

    Args:
        picture: SVG.
        caption: for people who never saw such a picture.
        name: of the figure, for links and tests.
    """
    return tag('figure', picture, tag('figcaption', caption), id=f'figure-{name}')
