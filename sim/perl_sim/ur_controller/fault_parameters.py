"""The parameters of faults as data: what they mean, what they may be, how they are read."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from perl_core.errors import ConfigError
from perl_core.fields import Fields

DURATION = 'for_s'
"""Name of the parameter that every lasting fault has; where it has no default and none is given,
the fault lasts until it is cleared."""
MAX_S = 86_400.0
"""Longest time anywhere in a fault: one day. Own choice."""


class Parameter(NamedTuple):
    """One parameter of a fault: a number, a vector or a text."""

    help: str
    """What it means, with its unit."""
    default: Any = None
    """Taken where none is given; None: it must be given."""
    low: float = -1e6
    """Smallest number."""
    high: float = 1e6
    """Largest number."""
    size: int = 1
    """Numbers of a vector; 1: a number."""
    is_text: bool = False
    """Whether it is a text."""
    choices: tuple[str, ...] = ()
    """What a text may be; empty: anything."""

    def read(self, fields: Fields, name: str, source: str) -> Any:
        """Return the value of this parameter; ConfigError if it cannot be."""
        if self.is_text:
            return self._read_text(fields.text(name), name, source)
        if self.size > 1:
            return tuple(fields.array(name, (self.size,), self.low, self.high).tolist())
        return fields.number(name, self.low, self.high)

    def _read_text(self, text: str, name: str, source: str) -> str:
        if self.choices and text not in self.choices:
            raise ConfigError(f'{source}: {name} is one of {list(self.choices)}; got {text!r}')
        return text


def read_arguments(
    given: Mapping[str, Any], source: str, parameters: Mapping[str, Parameter]
) -> dict[str, Any]:
    """Return all arguments of a fault, checked, with the defaults of those not given.

    Args:
        given: from a file, a command line or the control socket.
        source: where they come from, for messages.
        parameters: of the fault.

    Raises:
        ConfigError: one is unknown, missing, or not what it may be.
    """
    defaults = {name: parameter.default for name, parameter in parameters.items()
                if parameter.default is not None}
    together = {**defaults, **given}
    lasts_until_cleared = DURATION in parameters and DURATION not in together
    known = set(parameters) - ({DURATION} if lasts_until_cleared else set())
    fields = Fields(together, source, known, ConfigError)
    arguments = {name: parameters[name].read(fields, name, source) for name in sorted(known)}
    return {**arguments, DURATION: None} if lasts_until_cleared else arguments
