"""Drawings with axes, as SVG that a page can colour by its style."""

from collections.abc import Iterable, Sequence
import dataclasses
import math
from typing import Any

from perl_replay.page.markup import Markup, escaped, tag

_RIGHT, _TOP, _BOTTOM = 14.0, 14.0, 42.0
"""Room around the axes, in the drawing's units (pixels at its natural size)."""
_MOST_TICKS = 7


@dataclasses.dataclass(frozen=True, kw_only=True)
class Axis:
    """A range of values, with a name and a unit."""

    low: float
    """Lower end."""
    high: float
    """Upper end."""
    label: str
    """What is measured, with its unit."""
    log: bool = False
    """Powers of ten are equally far apart."""
    whole: bool = False
    """It counts: ticks are whole numbers."""

    def share(self, value: float) -> float:
        """Return where a value lies, 0 at the lower end and 1 at the upper; not beyond them."""
        low, high = self._place(self.low), self._place(self.high)
        place = self._place(value)
        return min(max((place - low) / (high - low), 0.0), 1.0)

    def ticks(self) -> list[float]:
        """Return round values in the range."""
        if self.log:
            first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
            steps = (1.0,) if last - first > 2 else (1.0, 2.0, 5.0)
            ticks = [step * 10.0**power for power in range(first, last + 1) for step in steps]
        else:
            rough = (self.high - self.low) / _MOST_TICKS
            power = 10.0 ** math.floor(math.log10(rough))
            step = next(power * by for by in (1.0, 2.0, 5.0, 10.0) if power * by >= rough)
            step = max(step, 1.0) if self.whole else step
            count = math.floor(self.high / step + 1e-9)
            ticks = [step * k for k in range(math.ceil(self.low / step - 1e-9), count + 1)]
        return [tick for tick in ticks if self.low * 0.999 <= tick <= self.high * 1.001]

    def _place(self, value: float) -> float:
        return math.log10(max(value, 1e-300)) if self.log else value


def axis_of(values: Iterable[float], label: str, *, log: bool = False, floor: float = 0.0) -> Axis:
    """Return an axis that holds all values that are numbers.

    Args:
        values: to hold.
        label: of the axis.
        log: powers of ten are equally far apart.
        floor: smallest lower end; of a linear axis, the lower end.
    """
    finite = [value for value in values if math.isfinite(value) and (not log or value > 0.0)]
    high = max(finite, default=1.0)
    if not log:
        return Axis(low=floor, high=high * 1.05 if high > floor else floor + 1.0, label=label)
    low = max(min(finite, default=high / 10.0), floor or 1e-300)
    low = 10.0 ** math.floor(math.log10(low))
    return Axis(low=low, high=max(high * 1.2, low * 10.0), label=label, log=True)


class Plot:
    """One pair of axes and what is drawn between them."""

    def __init__(self, x: Axis, y: Axis, width: float = 940.0, height: float = 250.0,
                 left: float = 62.0) -> None:
        """Start with empty axes.

        Args:
            x: to the right.
            y: upwards.
            width: of the drawing.
            height: of the drawing.
            left: room for what is written left of the axes.
        """
        self.x, self.y = x, y
        self._width, self._height, self._left = width, height, left
        self._parts: list[Markup] = []

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point is drawn."""
        across = self._width - self._left - _RIGHT
        along = self._height - _TOP - _BOTTOM
        return self._left + across * self.x.share(x), _TOP + along * (1.0 - self.y.share(y))

    def add(self, part: Markup) -> None:
        """Take an element."""
        self._parts.append(part)

    def line(self, x: Sequence[float], y: Sequence[float], kind: str, title: str = '') -> None:
        """Draw a line; it is broken where a value is not a number."""
        for run in _runs(x, y):
            points = ' '.join(f'{at:.1f},{up:.1f}' for at, up in (self.place(*p) for p in run))
            self.add(tag('polyline', _title(title), points=points, class_=f'line {kind}'))

    def dot(self, x: float, y: float, kind: str, title: str = '') -> None:
        """Draw a point, unless it is not a number."""
        if math.isfinite(x) and math.isfinite(y):
            at, up = self.place(x, y)
            self.add(tag('circle', _title(title), cx=f'{at:.1f}', cy=f'{up:.1f}', r=4,
                         class_=f'dot {kind}'))

    def box(self, low: tuple[float, float], high: tuple[float, float], kind: str,
            title: str = '', **attributes: Any) -> None:
        """Draw a rectangle between two corners."""
        (left, bottom), (right, top) = self.place(*low), self.place(*high)
        self.add(tag(
            'rect', _title(title), x=f'{left:.1f}', y=f'{top:.1f}',
            width=f'{max(right - left, 0.8):.1f}', height=f'{max(bottom - top, 0.8):.1f}',
            class_=kind, **attributes,
        ))

    def across(self, y: float, label: str) -> None:
        """Draw a bar that must not be passed, from left to right."""
        left, up = self.place(self.x.low, y)
        right, _ = self.place(self.x.high, y)
        self.add(tag('polyline', points=f'{left:.1f},{up:.1f} {right:.1f},{up:.1f}',
                     class_='line limit'))
        self.note(right - 4.0, up - 4.0, label, 'end')

    def upright(self, x: float, label: str, kind: str = 'limit', row: int = 0) -> None:
        """Draw a bar from top to bottom, its label in one of several rows."""
        at, bottom = self.place(x, self.y.low)
        _, top = self.place(x, self.y.high)
        self.add(tag('polyline', points=f'{at:.1f},{bottom:.1f} {at:.1f},{top:.1f}',
                     class_=f'line {kind}'))
        near_end = at > 0.75 * self._width
        self.note(at - 4.0 if near_end else at + 4.0, top + 11.0 + 14.0 * row, label,
                  'end' if near_end else 'start')

    def note(self, x: float, y: float, text: str, anchor: str = 'start') -> None:
        """Write a text at a place of the drawing."""
        self.add(tag('text', text, x=f'{x:.1f}', y=f'{y:.1f}', text_anchor=anchor, class_='note'))

    def svg(self, label: str, rows: Sequence[str] | None = None) -> Markup:
        """Return the drawing.

        Args:
            label: says in words what it shows, for those who do not see it.
            rows: names of the whole numbers on the y axis, from 0; None for its ticks.
        """
        frame = [*self._x_axis(), *(self._y_axis() if rows is None else self._rows(rows))]
        if not self._parts:
            middle = 0.5 * (self._left + self._width - _RIGHT)
            self.note(middle, 0.5 * self._height - _TOP, 'nothing was recorded', 'middle')
        return drawing(label, self._width, self._height, *frame, *self._parts)

    def _x_axis(self) -> list[Markup]:
        parts, end = [], self._height - _BOTTOM
        for tick in self.x.ticks():
            at, _ = self.place(tick, self.y.low)
            parts.append(_grid(at, _TOP, at, end))
            parts.append(_text(tick_text(tick), at, end + 15.0, 'middle'))
        middle = 0.5 * (self._left + self._width - _RIGHT)
        return [*parts, _text(self.x.label, middle, self._height - 8.0, 'middle')]

    def _y_axis(self) -> list[Markup]:
        parts, middle = [], 0.5 * (_TOP + self._height - _BOTTOM)
        for tick in self.y.ticks():
            _, up = self.place(self.x.low, tick)
            parts.append(_grid(self._left, up, self._width - _RIGHT, up))
            parts.append(_text(tick_text(tick), self._left - 6.0, up + 4.0, 'end'))
        turned = tag('text', self.y.label, text_anchor='middle', class_='note',
                     transform=f'translate(14,{middle:.1f}) rotate(-90)')
        return [*parts, turned]

    def _rows(self, names: Sequence[str]) -> list[Markup]:
        places = [self.place(self.x.low, row + 0.5)[1] for row in range(len(names))]
        return [_text(name, self._left - 6.0, up + 4.0, 'end')
                for name, up in zip(names, places, strict=True)]


def drawing(label: str, width: float, height: float, *parts: Markup, kind: str = '') -> Markup:
    """Return an SVG that is as wide as its place, up to its natural size."""
    return tag('svg', *parts, viewBox=f'0 0 {width:.0f} {height:.0f}', role='img',
               aria_label=label, class_=kind or None, width=f'{width:.0f}')


def tick_text(value: float) -> str:
    """Return a round number without digits that say nothing."""
    if value and (abs(value) >= 1e5 or abs(value) < 1e-3):
        power = math.floor(math.log10(abs(value)) + 1e-9)
        raised = str(power).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))
        factor = round(value / 10.0**power)
        return f'10{raised}' if factor == 1 else f'{factor}·10{raised}'
    return f'{value:.6g}'.replace('-', '\N{MINUS SIGN}')


def _title(text: str) -> Markup | None:
    return tag('title', text) if text else None


def _grid(x1: float, y1: float, x2: float, y2: float) -> Markup:
    return tag('path', d=f'M{x1:.1f},{y1:.1f}L{x2:.1f},{y2:.1f}', class_='grid')


def _text(text: str, x: float, y: float, anchor: str) -> Markup:
    return tag('text', escaped(text), x=f'{x:.1f}', y=f'{y:.1f}', text_anchor=anchor)


def _runs(x: Sequence[float], y: Sequence[float]) -> list[list[tuple[float, float]]]:
    """Return the points between those that are not numbers."""
    runs: list[list[tuple[float, float]]] = [[]]
    for point in zip(x, y, strict=True):
        if all(map(math.isfinite, point)):
            runs[-1].append(point)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]
