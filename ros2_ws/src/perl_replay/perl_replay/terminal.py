"""Text for a terminal: wide enough without one, and without what a terminal would obey."""

import math
import sys
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

_WIDTH = 110
"""Columns where there is no terminal to ask."""


def console_for(stream: TextIO | None) -> tuple[Console, TextIO]:
    """Return what writes to a stream, and the stream; None stands for standard output."""
    output: TextIO = sys.stdout if stream is None else stream
    return Console(file=output, width=None if output.isatty() else _WIDTH, highlight=False), output


def text(value: Any, style: str = '') -> Text:
    """Return what a bag says as it may be shown."""
    shown = ''.join(c if c.isprintable() or c == '\n' else '?' for c in str(value))
    return Text(shown, style=style)


def number(value: float, digits: int) -> str:
    """Return a number, or a dash for what was not recorded."""
    return f'{value:.{digits}f}' if math.isfinite(value) else '-'


def short(value: float, digits: int = 4) -> str:
    """Return a number with so many digits that count, or a dash."""
    return f'{value:.{digits}g}' if math.isfinite(value) else '-'
