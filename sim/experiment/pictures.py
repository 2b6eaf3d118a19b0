"""Pictures: panels, colours, and files that are the same for the same figures."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLOURS = (
    '#000000', '#e69f00', '#56b4e9', '#009e73', '#cc79a7', '#d55e00', '#0072b2', '#7b4ea3',
    '#8c6d31', '#a6cee3', '#e377c2', '#7f7f7f', '#bcbd22', '#17becf',
)  # fmt: skip
"""The first seven after Okabe and Ito, told apart by colour-blind eyes too."""
_STYLE = {
    'font.size': 9, 'axes.spines.top': False, 'axes.spines.right': False, 'axes.grid': True,
    'grid.alpha': 0.25, 'legend.frameon': False, 'figure.dpi': 110, 'savefig.dpi': 110,
}  # fmt: skip


class Panels(NamedTuple):
    """A figure and its axes."""

    figure: Figure
    """The figure."""
    axes: Sequence[Axes]
    """Of its panels, row by row."""


def panels(rows: int, columns: int, width: float, height: float, **more: bool) -> Panels:
    """Return empty panels; sizes of one panel in inches."""
    figure = Figure(figsize=(columns * width, rows * height), layout='constrained')
    return Panels(figure, figure.subplots(rows, columns, squeeze=False, **more).ravel())


def with_legend(figure: Figure, axes: Sequence[Axes]) -> Figure:
    """Return the figure with one legend for all of its panels."""
    named = {}
    for axis in axes:
        named |= {label: line for line, label in zip(*axis.get_legend_handles_labels(),
                                                     strict=True)}  # fmt: skip
    figure.legend(named.values(), named, loc='outside upper center', ncols=min(7, len(named)))
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a PNG without date or version, so that the same figures make the same file."""
    figure.savefig(path, metadata={'Software': None})


def use_style() -> None:
    """Set fonts and lines; independent of the user's own settings."""
    mpl.rcdefaults()
    mpl.rcParams.update(_STYLE)
