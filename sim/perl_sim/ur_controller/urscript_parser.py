"""Reads URScript: a program of ``def ... end`` or ``sec ... end``, or a single line.

Source: UR script manual (e-Series), section on the language.
"""

import re
from typing import NamedTuple

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

MAX_DEPTH = 40
"""Blocks and brackets in each other; more is no program. Own choice: what one level costs in
Python's own stack, times this, is far below its end."""
MAX_CHARACTERS = 1 << 17
"""Of one script. Own choice: twice ur_rtde's longest; reading it takes 0.1 s, in which the
controller does nothing else."""
_TOKEN = re.compile(
    r'(?P<space>[ \t\r]+|\#[^\n]*)|(?P<line>\n|;)'
    r'|(?P<number>0x[0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)'
    r'|(?P<text>"[^"\n]*"|\'[^\'\n]*\')|(?P<name>[A-Za-z_]\w*)'
    r'|(?P<mark>==|!=|<=|>=|[-+*/%<>=()\[\],:.])|(?P<bad>.)'
)
_FUNCTIONS = ('def', 'thread', 'sec')
_WORDS = ('break', 'continue', 'halt', 'pass', 'enter_critical', 'exit_critical')
_WITH_VALUE = ('return', 'kill', 'join')
_STRENGTH = {
    operator: strength
    for strength, operators in enumerate((
        ('or', 'xor'), ('and',), ('==', '!=', '<', '>', '<=', '>='), ('+', '-'), ('*', '/', '%'),
    ))
    for operator in operators
}
"""Operators of two operands: the stronger binds first."""
_CONSTANTS = {'True': True, 'False': False, 'true': True, 'false': False}


class Token(NamedTuple):
    """One word, number, text or mark."""

    kind: str
    text: str
    line: int


def parse(text: str) -> tuple[Statement, ...]:
    """Return the statements of a script.

    Raises:
        ScriptError: it is no URScript, and the message names the line; or it is too long.
    """
    if len(text) > MAX_CHARACTERS:
        raise ScriptError(f'a script of {len(text)} characters; at most {MAX_CHARACTERS} are read')
    return _Parser(_tokens(text)).script()


def _tokens(text: str) -> list[Token]:
    tokens, line, depth = [], 1, 0
    for match in _TOKEN.finditer(text):
        kind, word = str(match.lastgroup), match.group()
        if kind == 'bad':
            raise ScriptError(f'line {line}: {word!r} is not URScript')
        depth += (word in '([' and kind == 'mark') - (word in ')]' and kind == 'mark')
        # Inside brackets a line may go on on the next.
        if kind != 'space' and not (kind == 'line' and depth > 0):
            tokens.append(Token(kind, word, line))
        line += word == '\n'
    return [*tokens, Token('line', '\n', line), Token('end', '', line)]


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens, self._at, self._depth = tokens, 0, 0

    def script(self) -> tuple[Statement, ...]:
        statements = self._block(())
        self._expect('')
        return statements

    def _block(self, closing: tuple[str, ...]) -> tuple[Statement, ...]:
        self._deeper(1)
        statements = []
        while True:
            while self._next.kind == 'line':
                self._at += 1
            if self._next.kind == 'end' or self._next.text in closing:
                self._deeper(-1)
                return tuple(statements)
            statements.append(self._statement())

    def _statement(self) -> Statement:
        word = self._next.text
        if self._next.kind == 'name':
            if word in _FUNCTIONS:
                return self._function()
            if word in ('if', 'while'):
                return self._if() if word == 'if' else self._while()
            if word in _WORDS:
                self._at += 1
                if self._next.text == '(':
                    self._expect('(', ')')
                return Word(word)
            if word in _WITH_VALUE:
                self._at += 1
                ends = self._next.kind == 'line'
                return WithValue(word, None if ends else self._expression())
        return self._assignment()

    def _assignment(self) -> Statement:
        scope = self._take().text if self._next.text in ('global', 'local') else ''
        expression = self._expression()
        if self._next.text != '=':
            return Do(expression)
        line = self._take().line
        if not isinstance(expression, (Name, Index)):
            raise ScriptError(f'line {line}: only a variable or an element of one can be set')
        # ur_rtde writes the value of its register offsets on the next line.
        if self._next.kind == 'line':
            self._at += 1
        return Assign(scope, expression, self._expression())

    def _function(self) -> Function:
        kind, name = self._take().text, self._name()
        self._expect('(')
        parameters = []
        while self._next.text != ')':
            parameter, default = self._name(), None
            if self._next.text == '=':
                self._at += 1
                default = self._expression()
            parameters.append((parameter, default))
            if self._next.text != ')':
                self._expect(',')
        self._expect(')', ':')
        return Function(kind, name, tuple(parameters), self._closed_block())

    def _closed_block(self) -> tuple[Statement, ...]:
        body = self._block(('end',))
        self._expect('end')
        return body

    def _while(self) -> While:
        self._at += 1
        condition = self._expression()
        self._expect(':')
        return While(condition, self._closed_block())

    def _if(self) -> If:
        branches: list[tuple[Expression | None, tuple[Statement, ...]]] = []
        word = ''
        while word != 'end':
            word = self._take().text
            condition = None if word == 'else' else self._expression()
            self._expect(':')
            branches.append((condition, self._block(('elif', 'else', 'end'))))
            word = self._next.text
            if self._next.kind == 'end':
                break
        self._expect('end')
        return If(tuple(branches))

    def _expression(self, weakest: int = 0) -> Expression:
        left = self._unary()
        while True:
            token = self._next
            strength = _STRENGTH.get(token.text, -1)
            if strength < weakest or token.kind == 'text':
                return left
            self._at += 1
            left = Binary(token.text, left, self._expression(strength + 1))

    def _unary(self) -> Expression:
        if self._next.text in ('-', '+', 'not') and self._next.kind != 'text':
            operator = self._take().text
            self._deeper(1)
            operand = self._unary()
            self._deeper(-1)
            return operand if operator == '+' else Unary(operator, operand)
        expression = self._primary()
        while self._next.text == '[':
            self._at += 1
            expression = Index(expression, self._expression())
            if self._next.text == ',':  # m[i, j] of a matrix
                self._at += 1
                expression = Index(expression, self._expression())
            self._expect(']')
        return expression

    def _primary(self) -> Expression:
        self._deeper(1)
        token = self._take()
        if token.kind == 'number':
            expression: Expression = Literal(_number(token.text))
        elif token.kind == 'text':
            expression = Literal(token.text[1:-1])
        elif token.text == '(':
            expression = self._expression()
            self._expect(')')
        elif token.text == '[' or (token.text == 'p' and self._next.text == '['):
            is_pose = token.text == 'p'
            if is_pose:
                self._expect('[')
            items = self._items()
            # p[0] is an element of a variable that is called p.
            is_element = is_pose and len(items) == 1
            expression = Index(Name('p'), items[0]) if is_element else ListOf(items, is_pose)
        elif token.kind == 'name':
            expression = self._named(token)
        else:
            raise ScriptError(f'line {token.line}: a value was expected; got {token.text!r}')
        self._deeper(-1)
        return expression

    def _named(self, token: Token) -> Expression:
        if token.text in _CONSTANTS:
            return Literal(_CONSTANTS[token.text])
        if token.text == 'run':
            call = self._primary()
            if not isinstance(call, Call):
                raise ScriptError(f'line {token.line}: run starts a thread: run name()')
            return Call(call.name, call.arguments, call.named, call.line, in_thread=True)
        if self._next.text != '(':
            return Name(token.text)
        self._at += 1
        arguments, named = [], []
        while self._next.text != ')':
            argument = self._expression()
            if self._next.text == '=' and isinstance(argument, Name):
                self._at += 1
                named.append((argument.name, self._expression()))
            else:
                arguments.append(argument)
            if self._next.text != ')':
                self._expect(',')
        self._expect(')')
        return Call(token.text, tuple(arguments), tuple(named), token.line)

    def _items(self) -> tuple[Expression, ...]:
        items = []
        while self._next.text != ']':
            items.append(self._expression())
            if self._next.text != ']':
                self._expect(',')
        self._expect(']')
        return tuple(items)

    @property
    def _next(self) -> Token:
        # The last token is taken at most once, by what then complains about it.
        return self._tokens[self._at] if self._at < len(self._tokens) else self._tokens[-1]

    def _take(self) -> Token:
        token = self._next
        self._at += 1
        return token

    def _name(self) -> str:
        token = self._take()
        if token.kind != 'name':
            raise ScriptError(f'line {token.line}: a name was expected; got {token.text!r}')
        return token.text

    def _expect(self, *texts: str) -> None:
        for text in texts:
            token = self._take()
            if token.text != text:
                raise ScriptError(f'line {token.line}: {text or "the end"!r} was expected; '
                                  f'got {token.text!r}')

    def _deeper(self, levels: int) -> None:
        self._depth += levels
        if self._depth > MAX_DEPTH:
            raise ScriptError(f'line {self._next.line}: more than {MAX_DEPTH} levels')


def _number(text: str) -> float:
    if text.lower().startswith('0x'):
        return int(text, 16)
    return int(text) if text.isdecimal() else float(text)
