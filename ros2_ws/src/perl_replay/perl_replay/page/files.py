"""Where pages are written."""

from collections.abc import Sequence
from pathlib import Path

BESIDE = Path('')
"""Stands for a page beside each bag."""


def beside(bag: Path, ending: str = '') -> Path:
    """Return the page beside a bag: its name, an ending, and .html.

    Args:
        bag: folder, or .mcap file.
        ending: of the name.
    """
    whole = bag.resolve()
    name = whole.stem if whole.suffix == '.mcap' else whole.name
    return whole.with_name(f'{name}{ending}.html')


def pages_of(bags: Sequence[Path], page: Path | None) -> list[Path | None]:
    """Return where the page of each bag is written, None for nowhere.

    Args:
        bags: that are evaluated.
        page: what was asked for: None for no pages; BESIDE; or a file, from which the names of
            the pages of several bags are made.
    """
    if page is None:
        return [None] * len(bags)
    if page == BESIDE:
        return [beside(bag) for bag in bags]
    if len(bags) == 1:
        return [page]
    return [page.with_name(f'{page.stem}-{number}.html') for number in range(1, len(bags) + 1)]
