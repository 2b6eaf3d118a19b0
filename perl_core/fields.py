"""Strict reading of plain data (JSON, YAML): every field by name, nothing unknown, all finite."""

from collections.abc import Iterable, Mapping
import math
import re
import sys
from typing import Any, get_args

import numpy as np
from perl_core.errors import ConfigError, PerlError

_SHA256 = re.compile('[0-9a-f]{64}')


class Fields:
    """The named fields of one mapping that came from a file."""

    def __init__(
        self, data: object, source: str, known: Iterable[str], error: type[PerlError]
    ) -> None:
        """Refuse anything but a mapping with exactly the known fields.

        Args:
            data: what was read.
            source: where it came from, for the messages.
            known: names of the fields, all of them required.
            error: raised for whatever does not fit.
        """
        self._source, self._error = source, error
        if not isinstance(data, Mapping):
            raise error(f'{source}: expected a mapping of fields, got {type(data).__name__}.')
        known, came = set(known), set(data)
        if known != came:
            raise error(
                f'{source} has the fields {sorted(known)}; missing: {sorted(known - came)}, '
                f'unknown: {sorted(map(str, came - known))}.'
            )
        self._data: Mapping[str, Any] = data

    def _refuse(self, name: str, expected: str) -> PerlError:
        came = repr(self._data[name])
        shown = came if len(came) <= 120 else f'{came[:117]}...'
        return self._error(f'{self._source}: {name} must be {expected}; it is {shown}.')

    def number(self, name: str, low: float = -math.inf, high: float = math.inf) -> float:
        """Return a finite number within [low, high]."""
        value = self._data[name]
        if not _is_number(value) or not low <= value <= high:
            raise self._refuse(name, f'a finite number{_within(low, high)}')
        return float(value)

    def integer(self, name: str, low: int = 0) -> int:
        """Return an integer of at least ``low``."""
        value = self._data[name]
        if not isinstance(value, int) or isinstance(value, bool) or value < low:
            raise self._refuse(name, f'an integer of at least {low}')
        return value

    def text(self, name: str) -> str:
        """Return a string that is not blank."""
        value = self._data[name]
        if not isinstance(value, str) or not value.strip():
            raise self._refuse(name, 'a text that is not blank (quote it if it is a number)')
        return value

    def sha256(self, name: str) -> str:
        """Return a sha256 as hexadecimal digits."""
        value = self._data[name]
        if not isinstance(value, str) or not _SHA256.fullmatch(value):
            raise self._refuse(name, 'a sha256 of 64 hexadecimal digits')
        return value

    def array(
        self,
        name: str,
        shape: tuple[int, ...],
        low: float = -math.inf,
        high: float = math.inf,
    ) -> np.ndarray:
        """Return nested lists of finite numbers as an array; -1 in ``shape`` is any length."""
        expected = f'numbers of shape {shape}{_within(low, high)}, each finite'
        try:
            values = np.array(self._data[name])
        except ValueError as error:
            raise self._refuse(name, expected) from error
        if values.dtype.kind not in 'if' or not _fits(values.shape, shape):
            raise self._refuse(name, expected)
        if not np.all(np.isfinite(values)) or np.any(values < low) or np.any(values > high):
            raise self._refuse(name, expected)
        return values.astype(float)

    def none(self, name: str) -> None:
        """Refuse anything but null."""
        if self._data[name] is not None:
            raise self._refuse(name, 'null')

    def mapping(self, name: str) -> dict[str, Any]:
        """Return a mapping whose own fields are free."""
        value = self._data[name]
        if not isinstance(value, Mapping):
            raise self._refuse(name, 'a mapping')
        return dict(value)

    def child(self, name: str, known: Iterable[str]) -> 'Fields':
        """Return the fields of a mapping within this one."""
        return Fields(self._data[name], f'{self._source}: {name}', known, self._error)


def require_choice(name: str, value: object, choices: object) -> None:
    """Raise ConfigError unless ``value`` is one of those that a Literal allows.

    Args:
        name: of the field, for the message.
        value: that came.
        choices: the Literal.
    """
    known = get_args(choices)
    if value not in known:
        raise ConfigError(f'{name} must be one of {list(known)}; got {value!r}')


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= sys.float_info.max  # False for NaN, safe for huge integers.


def _fits(came: tuple[int, ...], expected: tuple[int, ...]) -> bool:
    return len(came) == len(expected) and all(
        size > 0 if wanted == -1 else size == wanted
        for size, wanted in zip(came, expected, strict=True)
    )


def _within(low: float, high: float) -> str:
    return '' if math.isinf(low) and math.isinf(high) else f' within [{low:g}, {high:g}]'
