"""Runs URScript: a cooperative interpreter whose threads are resumed once a tick."""

from collections.abc import Callable, Generator, Mapping
import operator
from typing import Any

from perl_sim.ur_controller.script_errors import ScriptError
from perl_sim.ur_controller.urscript_syntax import (
    Assign,
    Binary,
    Call,
    Do,
    Expression,
    Function,
    If,
    Index,
    ListOf,
    Literal,
    Name,
    Statement,
    Unary,
    While,
    WithValue,
    Word,
)

MAX_WORK_PER_TICK = 5000
"""Statements and values of all threads within one tick; beyond it the program ends, as on the
robot ("runtime is too much behind"). Own choice: a few milliseconds."""
MAX_THREADS = 50
"""Own choice."""
MAX_CALLS = 30
"""Calls in each other. Own choice."""
MAX_LENGTH = 10_000
"""Characters of a text. Own choice."""
MAX_INTEGER = 2**31 - 1
"""Source: UR script manual, integers have 32 bits."""

Value = Any
"""A number, a bool, a str, a list, a Pose, or None."""
Steps = Generator[None, None, Value]
"""An evaluation: a ``yield`` lets one tick pass."""
Builtin = Callable[..., Value]
"""A function of the robot; what takes time returns a generator."""


class Pose(list):
    """``p[x, y, z, rx, ry, rz]``."""


class _Return(Exception):  # noqa: N818
    """Not an error: leaves a function with its value."""


class _Break(Exception):  # noqa: N818
    """Not an error: leaves a loop."""


class _Continue(Exception):  # noqa: N818
    """Not an error: goes on with the next round of a loop."""


class HaltProgram(Exception):  # noqa: N818
    """Not an error: the program says ``halt``."""


class Scope:
    """Variables and functions of one call, within those of the block around it."""

    def __init__(self, outer: 'Scope | None') -> None:
        """Begin without any."""
        self.outer = outer
        self.calls = 0
        """How many calls led here."""
        self.variables: dict[str, Value] = {}
        self.functions: dict[str, tuple[Function, Scope]] = {}

    def holder(self, name: str) -> 'Scope | None':
        """Return the innermost scope that has this variable, or None."""
        scope: Scope | None = self
        while scope is not None and name not in scope.variables:
            scope = scope.outer
        return scope

    def function(self, name: str) -> 'tuple[Function, Scope] | None':
        """Return the innermost function of this name and where it was defined, or None."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.functions:
                return scope.functions[name]
            scope = scope.outer
        return None


class Interpreter:
    """One program under way."""

    def __init__(self, builtins: Mapping[str, Builtin]) -> None:
        """Know these functions of the robot."""
        self._builtins = builtins
        self._globals = Scope(None)
        self._threads: dict[int, Steps] = {}
        self._last_thread = 0
        self._work = 0

    def begin(self, statements: tuple[Statement, ...]) -> None:
        """Take a script: one function is run as the program, lines are run as they are."""
        if len(statements) == 1 and isinstance(statements[0], Function):
            steps = self._body(statements[0].body, Scope(self._globals))
        else:
            steps = self._body(statements, Scope(self._globals))
        self._start(steps)

    def step(self) -> bool:
        """Let one tick pass; return whether the program goes on.

        Raises:
            ScriptError: the program asks for what there is not.
            HaltProgram: the program ends itself.
        """
        main, self._work = 1, 0
        for number, steps in list(self._threads.items()):
            if number not in self._threads:
                continue
            try:
                next(steps)
            except StopIteration:
                self._threads.pop(number, None)
            except RecursionError:
                raise ScriptError('too many blocks and calls in each other') from None
        return main in self._threads

    def close(self) -> None:
        """End all threads."""
        for steps in self._threads.values():
            steps.close()
        self._threads.clear()

    def _start(self, steps: Steps) -> int:
        if len(self._threads) >= MAX_THREADS:
            raise ScriptError(f'more than {MAX_THREADS} threads')
        self._last_thread += 1
        self._threads[self._last_thread] = steps
        return self._last_thread

    def _body(self, statements: tuple[Statement, ...], scope: Scope) -> Steps:
        """Run a function's body and return its value."""
        try:
            yield from self._run(statements, scope)
        except _Return as result:
            return result.args[0]
        except (_Break, _Continue):
            raise ScriptError('break and continue belong into a loop') from None
        return None

    def _run(self, statements: tuple[Statement, ...], scope: Scope) -> Steps:
        for statement in statements:
            self._toil()
            yield from _RUN[type(statement)](self, statement, scope)

    def _toil(self) -> None:
        self._work += 1
        if self._work > MAX_WORK_PER_TICK:
            raise ScriptError(
                f'more than {MAX_WORK_PER_TICK} steps without time passing; put a sync() into '
                'the loop')

    def _define(self, function: Function, scope: Scope) -> Steps:
        scope.functions[function.name] = (function, scope)
        return
        yield

    def _assign(self, statement: Assign, scope: Scope) -> Steps:
        value = yield from self._value(statement.value, scope)
        target = statement.target
        if isinstance(target, Index):
            items = yield from self._value(target.of, scope)
            index = yield from self._value(target.index, scope)
            _element(items, index)
            if isinstance(value, list):
                raise ScriptError('an element of a list that is set must be no list')
            items[int(index)] = value
            return
        if isinstance(value, list):
            value = type(value)(value)
        if statement.scope == 'global':
            holder = self._globals
        elif statement.scope == 'local':
            holder = scope
        else:
            holder = scope.holder(target.name) or scope
        holder.variables[target.name] = value

    def _if(self, statement: If, scope: Scope) -> Steps:
        for condition, body in statement.branches:
            if condition is None or (yield from self._value(condition, scope)):
                yield from self._run(body, scope)
                return

    def _while(self, statement: While, scope: Scope) -> Steps:
        while (yield from self._value(statement.condition, scope)):
            try:
                yield from self._run(statement.body or (Word('pass'),), scope)
            except _Break:
                return
            except _Continue:
                continue

    def _word(self, statement: Word, _: Scope) -> Steps:
        if statement.word == 'break':
            raise _Break
        if statement.word == 'continue':
            raise _Continue
        if statement.word == 'halt':
            raise HaltProgram
        # Between two ticks no other thread runs: everything is a critical section.
        return
        yield

    def _with_value(self, statement: WithValue, scope: Scope) -> Steps:
        value = None
        if statement.value is not None:
            value = yield from self._value(statement.value, scope)
        if statement.word == 'return':
            raise _Return(value)
        if statement.word == 'kill':
            steps = self._threads.pop(value, None) if isinstance(value, int) else None
            if steps is not None and not steps.gi_running:
                steps.close()
            return
        while value in self._threads:
            yield

    def _do(self, statement: Do, scope: Scope) -> Steps:
        yield from self._value(statement.expression, scope)

    def _value(self, expression: Expression, scope: Scope) -> Steps:
        self._toil()
        value = yield from _EVALUATE[type(expression)](self, expression, scope)
        return value

    def _values(self, expressions: tuple[Expression, ...], scope: Scope) -> Steps:
        values = [None] * len(expressions)
        for index, expression in enumerate(expressions):
            values[index] = yield from self._value(expression, scope)
        return values

    def _literal(self, expression: Literal, _: Scope) -> Steps:
        return expression.value
        yield

    def _name(self, expression: Name, scope: Scope) -> Steps:
        holder = scope.holder(expression.name)
        if holder is None:
            raise ScriptError(f'the variable {expression.name!r} has no value')
        return holder.variables[expression.name]
        yield

    def _list(self, expression: ListOf, scope: Scope) -> Steps:
        items = yield from self._values(expression.items, scope)
        for value in items:
            if isinstance(value, list) and any(isinstance(inner, list) for inner in value):
                raise ScriptError('lists have lists of numbers as elements, no deeper')
        return Pose(items) if expression.is_pose else items

    def _index(self, expression: Index, scope: Scope) -> Steps:
        items = yield from self._value(expression.of, scope)
        index = yield from self._value(expression.index, scope)
        return _element(items, index)

    def _unary(self, expression: Unary, scope: Scope) -> Steps:
        value = yield from self._value(expression.operand, scope)
        if expression.operator == 'not':
            return not value
        return _compute(operator.mul, '-', -1, value)

    def _binary(self, expression: Binary, scope: Scope) -> Steps:
        left = yield from self._value(expression.left, scope)
        if expression.operator == 'and' and not left:
            return False
        if expression.operator == 'or' and left:
            return True
        right = yield from self._value(expression.right, scope)
        if expression.operator in _LOGIC:
            return _LOGIC[expression.operator](bool(left), bool(right))
        return _compute(_ARITHMETIC[expression.operator], expression.operator, left, right)

    def _call(self, call: Call, scope: Scope) -> Steps:
        arguments = yield from self._values(call.arguments, scope)
        values = yield from self._values(tuple(value for _, value in call.named), scope)
        names = (name for name, _ in call.named)
        named: dict[str, Value] = dict(zip(names, values, strict=True))
        found = scope.function(call.name)
        if found is None:
            result = yield from self._call_builtin(call, arguments, named)
            return result
        function, home = found
        inner = Scope(home)
        yield from self._bind(function, inner, arguments, named, call.line)
        if call.in_thread:
            return self._start(self._body(function.body, inner))
        inner.calls = scope.calls + 1
        if inner.calls > MAX_CALLS:
            raise ScriptError(f'line {call.line}: more than {MAX_CALLS} calls in each other')
        result = yield from self._body(function.body, inner)
        return result

    def _bind(
        self, function: Function, inner: Scope, arguments: list[Value],
        named: dict[str, Value], line: int,
    ) -> Steps:
        for index, (name, default) in enumerate(function.parameters):
            if index < len(arguments):
                inner.variables[name] = arguments[index]
            elif name in named:
                inner.variables[name] = named[name]
            elif default is not None:
                inner.variables[name] = yield from self._value(default, inner)
            else:
                raise ScriptError(f'line {line}: {function.name} needs the argument {name}')

    def _call_builtin(
        self, call: Call, arguments: list[Value], named: dict[str, Value]
    ) -> Steps:
        function = self._builtins.get(call.name)
        if function is None or call.in_thread:
            raise ScriptError(f'line {call.line}: the function {call.name} is not emulated')
        try:
            result: Value = function(*arguments, **named)
            if isinstance(result, Generator):
                result = yield from result
        except (TypeError, ValueError, IndexError, OverflowError, ZeroDivisionError) as error:
            # Arguments of the wrong number or kind: whatever the function does with them.
            raise ScriptError(f'line {call.line}: {call.name}: {error}') from None
        return result


_RUN: dict[type, Callable[..., Steps]] = {
    Function: Interpreter._define,
    Assign: Interpreter._assign,
    If: Interpreter._if,
    While: Interpreter._while,
    Word: Interpreter._word,
    WithValue: Interpreter._with_value,
    Do: Interpreter._do,
}
_EVALUATE: dict[type, Callable[..., Steps]] = {
    Literal: Interpreter._literal,
    Name: Interpreter._name,
    ListOf: Interpreter._list,
    Index: Interpreter._index,
    Unary: Interpreter._unary,
    Binary: Interpreter._binary,
    Call: Interpreter._call,
}
_ANY = (bool, int, float, str, list, type(None))
_OPERANDS = {'+': (int, float, str), '==': _ANY, '!=': _ANY}
"""What an operation takes, where it is more than numbers."""
_LOGIC = {'and': operator.and_, 'or': operator.or_, 'xor': operator.xor}
_ARITHMETIC = {
    '+': operator.add, '-': operator.sub, '*': operator.mul, '/': operator.truediv,
    '%': operator.mod, '==': operator.eq, '!=': operator.ne, '<': operator.lt,
    '>': operator.gt, '<=': operator.le, '>=': operator.ge,
}


def _compute(function: Callable[..., Value], name: str, *operands: Value) -> Value:
    for operand in operands:
        if not isinstance(operand, _OPERANDS.get(name, (int, float))):
            raise ScriptError(f'{name} of {operand!r}: there is no such operation')
    try:
        result = function(*operands)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError) as error:
        raise ScriptError(f'{name} of {operands}: {error}') from None
    if isinstance(result, str) and len(result) > MAX_LENGTH:
        raise ScriptError(f'a text of more than {MAX_LENGTH} characters')
    if isinstance(result, int) and abs(result) > MAX_INTEGER:
        raise ScriptError(f'{name} of {operands}: beyond the integers, {MAX_INTEGER}')
    return result


def _element(items: Value, index: Value) -> Value:
    if not isinstance(items, list) or not isinstance(index, (int, float)):
        raise ScriptError(f'[{index}] of {items!r}: only lists and poses have elements')
    if not 0 <= index < len(items):
        raise ScriptError(f'[{index}] of a list with {len(items)} elements')
    return items[int(index)]
