"""URScript as a tree: what the parser makes and the interpreter runs."""

import dataclasses
from typing import Any

Expression = Any
"""One of the expressions below."""
Statement = Any
"""One of the statements below."""


@dataclasses.dataclass(frozen=True)
class Literal:
    """A number, a text, or True or False."""

    value: float | bool | str


@dataclasses.dataclass(frozen=True)
class Name:
    """A variable."""

    name: str


@dataclasses.dataclass(frozen=True)
class ListOf:
    """A list, or a pose if it begins with ``p[``."""

    items: tuple[Expression, ...]
    is_pose: bool


@dataclasses.dataclass(frozen=True)
class Index:
    """An element of a list."""

    of: Expression
    index: Expression


@dataclasses.dataclass(frozen=True)
class Unary:
    """``-x`` or ``not x``."""

    operator: str
    operand: Expression


@dataclasses.dataclass(frozen=True)
class Binary:
    """``x + y`` and its like."""

    operator: str
    left: Expression
    right: Expression


@dataclasses.dataclass(frozen=True)
class Call:
    """A call of a function, or with ``run`` the start of a thread."""

    name: str
    arguments: tuple[Expression, ...]
    named: tuple[tuple[str, Expression], ...]
    line: int
    in_thread: bool = False


@dataclasses.dataclass(frozen=True)
class Function:
    """``def``, ``thread`` or ``sec``, up to its ``end``."""

    kind: str
    name: str
    parameters: tuple[tuple[str, Expression | None], ...]
    body: tuple[Statement, ...]


@dataclasses.dataclass(frozen=True)
class Assign:
    """``x = ...``; scope is '', 'global' or 'local'."""

    scope: str
    target: Name | Index
    value: Expression


@dataclasses.dataclass(frozen=True)
class If:
    """``if``, any ``elif``, and ``else``: each a condition (None: else) and what to do."""

    branches: tuple[tuple[Expression | None, tuple[Statement, ...]], ...]


@dataclasses.dataclass(frozen=True)
class While:
    """``while``."""

    condition: Expression
    body: tuple[Statement, ...]


@dataclasses.dataclass(frozen=True)
class Word:
    """A statement of one word: break, continue, halt, pass, enter_critical, exit_critical."""

    word: str


@dataclasses.dataclass(frozen=True)
class WithValue:
    """``return``, ``kill`` or ``join``, and its value if there is one."""

    word: str
    value: Expression | None


@dataclasses.dataclass(frozen=True)
class Do:
    """An expression for its effect."""

    expression: Expression
