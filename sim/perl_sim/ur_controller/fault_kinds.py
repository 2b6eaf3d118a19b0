"""Faults of streams, connections and the controller's answers, as a table.

A kind has up to three parts: what holds while it lasts (``holds``, written into the state that the
servers ask), what happens at its beginning and what at its end.
"""

from collections.abc import Callable
import dataclasses
import math
from typing import Any

from perl_sim.ur_controller.client_interfaces import INTERFACES
from perl_sim.ur_controller.controller import Controller
from perl_sim.ur_controller.fault_parameters import DURATION, MAX_S, Parameter
from perl_sim.ur_controller.faults import ALL, Faults, covers
from perl_sim.ur_controller.impairment import Conditions
from perl_sim.ur_controller.motions import TICK_S
from perl_sim.ur_controller.network import Connection, Network
from perl_sim.ur_controller.rtde_variables import Values

Arguments = dict[str, Any]
"""Of one fault, by the names of its parameters."""
MAX_DELAY_S = 30.0
"""Longest delay of a package or reply. Own choice: what is held back takes memory."""
SERVICES = ('RTDE', 'dashboard', *(interface.name for interface in INTERFACES))
"""What connections can be told apart by."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Robot:
    """What faults act on."""

    faults: Faults
    """The state that the servers ask."""
    network: Network
    """All connections."""
    controller: Controller
    """Modes, safety, the program, and the arm."""
    values: Values
    """Of all RTDE variables."""


def _nothing(*_: Any) -> None:
    """Do nothing."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FaultKind:
    """One kind of fault."""

    help: str
    """What it does, in one line."""
    parameters: dict[str, Parameter]
    """By name."""
    holds: Callable[[Faults, Arguments], None] = _nothing
    """Writes what holds while it lasts."""
    begins: Callable[[Robot, Arguments], None] = _nothing
    """Does what happens once, at its beginning."""
    ends: Callable[[Robot, Arguments], None] = _nothing
    """Does what happens once, at its end."""


def ticks(time_s: float) -> int:
    """Return a time as whole ticks, rounded up."""
    return math.ceil(round(time_s / TICK_S, 6))


def duration(default_s: float | None = None) -> dict[str, Parameter]:
    """Return the parameter that says how long a fault lasts."""
    means = 'seconds of controller time until it ends'
    means += '; without it, until it is cleared' if default_s is None else ''
    return {DURATION: Parameter(means, default_s, 0.0, MAX_S)}


def _delay(means: str, default_s: float | None = None) -> Parameter:
    return Parameter(f'{means}, in seconds', default_s, 0.0, MAX_DELAY_S)


_SERVICE = {'service': Parameter(
    'whose connections', ALL, is_text=True, choices=(ALL, *SERVICES))}


def _impair(faults: Faults, arguments: Arguments, **conditions: Any) -> None:
    faults.impair(arguments.get('service', ALL), Conditions(**conditions))


def _connections(robot: Robot, arguments: Arguments) -> list[Connection]:
    services = (arguments.get('service', ALL),)
    return [connection for connection in robot.network.connections
            if covers(services, connection.service)]


def cut(robot: Robot, arguments: Arguments) -> None:
    """Reset the connections to a service."""
    for connection in _connections(robot, arguments):
        robot.network.reset(connection)


def abandon(robot: Robot, arguments: Arguments) -> None:
    """Leave the connections to a service half-open."""
    for connection in _connections(robot, arguments):
        robot.network.abandon(connection)


def reset_abandoned(robot: Robot, arguments: Arguments) -> None:
    """Reset the connections that were left half-open."""
    for connection in _connections(robot, arguments):
        if connection.impairment is not None and connection.impairment.is_dead:
            robot.network.reset(connection)


def refuse(faults: Faults, arguments: Arguments) -> None:
    """Let new connections to a service be reset."""
    faults.refused_services |= {arguments.get('service', ALL)}


def _own_inputs(faults: Faults, arguments: Arguments) -> None:
    names = (name.strip() for name in arguments['inputs'].split(','))
    faults.owned_inputs |= {name for name in names if name}


def _set(name: str, value: Any) -> Callable[[Faults, Arguments], None]:
    return lambda faults, _: setattr(faults, name, value)


def _jump(faults: Faults, arguments: Arguments) -> None:
    faults.clock_offset_s += arguments['by_s']


STREAM_KINDS = {
    'freeze_stream': FaultKind(
        help='no RTDE data package is sent; everything else goes on',
        parameters=duration(),
        holds=lambda faults, arguments: _impair(faults, arguments, frozen=True),
    ),
    'delay_packages': FaultKind(
        help='RTDE data packages leave late',
        parameters={
            'delay_s': _delay('how late'),
            'jitter_s': _delay('at most so much later still, at random', 0.0),
            **duration(),
        },
        holds=lambda faults, arguments: _impair(
            faults, arguments, package_delay_ticks=ticks(arguments['delay_s']),
            jitter_ticks=ticks(arguments['jitter_s'])),
    ),
    'drop_packages': FaultKind(
        help='RTDE data packages get lost, at random',
        parameters={'share': Parameter('of the packages, 0 to 1', None, 0.0, 1.0), **duration()},
        holds=lambda faults, arguments: _impair(
            faults, arguments, drop_share=arguments['share']),
    ),
}
"""Of the stream of RTDE data packages."""

CONNECTION_KINDS = {
    'slow_replies': FaultKind(
        help='replies leave late; RTDE data packages do not',
        parameters={'delay_s': _delay('how late'), **_SERVICE, **duration()},
        holds=lambda faults, arguments: _impair(
            faults, arguments, reply_delay_ticks=ticks(arguments['delay_s'])),
    ),
    'no_replies': FaultKind(
        help='requests are obeyed and never answered; RTDE data packages go on',
        parameters={**_SERVICE, **duration()},
        holds=lambda faults, arguments: _impair(faults, arguments, mute=True),
    ),
    'cut_connections': FaultKind(
        help='connections are reset, and new ones as long as it lasts',
        parameters={**_SERVICE, **duration(0.0)},
        holds=refuse, begins=cut,
    ),
    'half_open': FaultKind(
        help='present connections go dead without an end; they are reset when it ends; '
             'new connections work',
        parameters={**_SERVICE, **duration()},
        begins=abandon, ends=reset_abandoned,
    ),
}
"""Of connections."""

REFUSAL_KINDS = {
    'refuse_start': FaultKind(
        help='RTDE START is refused',
        parameters=duration(),
        holds=_set('refuses_start', True),
    ),
    'inputs_in_use': FaultKind(
        help='RTDE inputs belong to somebody else: IN_USE',
        parameters={
            'inputs': Parameter(f'names, separated by commas, or {ALL}', ALL, is_text=True),
            **duration(),
        },
        holds=_own_inputs,
    ),
    'script_never_starts': FaultKind(
        help='programs that arrive do not start',
        parameters=duration(),
        holds=_set('loses_programs', True),
    ),
    'clock_jump': FaultKind(
        help='the reported time jumps, and back when it ends',
        parameters={'by_s': Parameter('seconds, negative: backwards', None, -MAX_S, MAX_S),
                    **duration()},
        holds=_jump,
    ),
}
"""What the controller refuses or gets wrong."""

