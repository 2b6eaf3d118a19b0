"""The frame of a page: one file with its style and script, to which nothing can be added."""

import base64
import hashlib
from pathlib import Path

from perl_replay.page.markup import Markup, joined, tag

_FOLDER = Path(__file__).parent


def document(title: str, *parts: Markup | None) -> str:
    """Return a whole page.

    The browser is told to run this script and this style only, and to fetch nothing: what a bag
    says can neither run nor call home, even if it were not escaped.
    """
    style = Markup((_FOLDER / 'style.css').read_text('utf-8'))
    script = Markup((_FOLDER / 'turn.js').read_text('utf-8'))
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    head = joined(
        Markup('<meta charset="utf-8">'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        tag('title', title), tag('style', style),
    )
    body = tag('body', tag('main', *parts), tag('script', script))
    return f'<!doctype html>\n<html lang="en">{tag("head", head)}{body}</html>\n'


def section(name: str, heading: str, *parts: Markup | None) -> Markup:
    """Return a part of a page that can be linked to."""
    return tag('section', tag('h2', heading), *parts, id=name)


def contents(entries: dict[str, str]) -> Markup:
    """Return links to the parts of a page, by their names."""
    links = [tag('a', heading, href=f'#{name}') for name, heading in entries.items()]
    return tag('nav', *links, aria_label='parts of this page')


def write_document(path: Path, text: str) -> None:
    """Write a page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, 'utf-8', newline='\n')


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f'sha256-{base64.b64encode(digest).decode()}'
