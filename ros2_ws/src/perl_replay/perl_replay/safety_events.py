"""What the safety layers and the controller reported: stops, faults, limits, by transition."""

import collections
import dataclasses
from typing import Any

from perl_replay.timing import RisingCounter

_LIMIT, _STOP = 1, 2
"""SafetyState.LIMIT and STOP."""
_DISCONNECTED, _STANDBY, _FAULT = 0, 1, 5
"""ControllerState.DISCONNECTED, STANDBY and FAULT; what lies between may move, or just did."""
_MOVING_ALLOWED = (1, 2)
"""UR's safety modes NORMAL and REDUCED. Source: UR RTDE guide, output 'safety_mode'."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SafetyEvent:
    """One change that a person should know of."""

    time_s: float
    """After the start of the bag."""
    source: str
    """'filter', 'monitor' or 'controller'."""
    event: str
    """What happened: STOP, NOT_WATCHING (a layer that says STOP without having stopped anything),
    RESET, FAULT, DISCONNECTED or SAFETY_MODE."""
    reasons: tuple[str, ...]
    """As reported."""
    armed: bool
    """The controller was armed, moving, stopping or in fault; before and after, layers come and
    go, and a stop is nothing to worry about."""

    @property
    def is_trouble(self) -> bool:
        """Something stopped or failed while the arm might move."""
        return self.armed and self.event != 'RESET'


@dataclasses.dataclass(frozen=True, kw_only=True)
class SafetyFigures:
    """What the safety layers did."""

    filter_stops: int
    """Stops by the filter while the controller was armed, by the filter's own count."""
    monitor_stops: int
    """Stops by the monitor while the controller was armed, by the monitor's own count."""
    filter_limited_ticks: int
    """Ticks on which the filter made a command slower or smaller, since the loop's start."""
    limits: dict[str, int]
    """How many recorded states named each reason to limit, as 'source: reason'."""
    events: tuple[SafetyEvent, ...]
    """Stops, resets, faults and lost connections, in order."""


class SafetyCollector:
    """Takes SafetyState and ControllerState messages and notes what changes."""

    def __init__(self, start_ns: int) -> None:
        """Start without events.

        Args:
            start_ns: start of the bag, Unix time.
        """
        self.robot_ip = ''
        self.bundle_sha256 = ''
        self._start_ns = start_ns
        self._events: list[SafetyEvent] = []
        self._stopped: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._counters = collections.defaultdict[str, RisingCounter](RisingCounter)
        self._stops = collections.Counter[str]()
        self._limited = collections.defaultdict[str, RisingCounter](RisingCounter)
        self._limits = collections.Counter[str]()
        self._controller: int | None = None
        self._safety_mode: int | None = None

    def add_safety(self, source: str, state: Any, received_ns: int) -> None:
        """Take a SafetyState of a layer ('filter' or 'monitor')."""
        rise = self._counters[source].add(state.stops)
        if self._armed:
            self._stops[source] += rise
        self._limited[source].add(state.limited_ticks)
        reasons = tuple(state.reasons)
        if state.severity == _LIMIT:
            self._limits.update(f'{source}: {reason}' for reason in reasons)
        before = self._stopped.get(source)
        if state.severity == _STOP:
            now = ('STOP' if state.stops else 'NOT_WATCHING', reasons)
            if before != now:
                self._note(received_ns, source, *now)
            self._stopped[source] = now
        elif before is not None:
            self._note(received_ns, source, 'RESET', ())
            del self._stopped[source]

    def add_controller(self, state: Any, received_ns: int) -> None:
        """Take a ControllerState."""
        self.robot_ip = state.robot_ip or self.robot_ip
        self.bundle_sha256 = state.bundle_sha256 or self.bundle_sha256
        if state.state != self._controller:
            self._note_state(state, received_ns)
        self._controller = state.state
        if state.state == _DISCONNECTED:
            return
        if state.safety_mode != self._safety_mode and state.safety_mode not in _MOVING_ALLOWED:
            self._note(received_ns, 'controller', 'SAFETY_MODE', (f'mode {state.safety_mode}',))
        self._safety_mode = state.safety_mode

    def events_after(self, count: int) -> list[SafetyEvent]:
        """Return the events but for the first ``count``."""
        return self._events[count:]

    @property
    def _armed(self) -> bool:
        """The controller may move, or just did."""
        return self._controller not in (None, _DISCONNECTED, _STANDBY)

    def figures(self) -> SafetyFigures:
        """Return the figures."""
        return SafetyFigures(
            filter_stops=self._stops['filter'],
            monitor_stops=self._stops['monitor'],
            filter_limited_ticks=self._limited['filter'].total,
            limits=dict(self._limits.most_common()),
            events=tuple(self._events),
        )

    def _note_state(self, state: Any, received_ns: int) -> None:
        """Note a new state of the controller, if it is one to worry about."""
        reasons = (state.reason,) if state.reason else ()
        if state.state == _FAULT:
            self._note(received_ns, 'controller', 'FAULT', reasons)
        # From STANDBY the node disconnects when it is shut down; from any other state it must not.
        if state.state == _DISCONNECTED and self._armed:
            self._note(received_ns, 'controller', 'DISCONNECTED', reasons)

    def _note(self, at_ns: int, source: str, event: str, reasons: tuple[str, ...]) -> None:
        """Add an event."""
        time_s = (at_ns - self._start_ns) / 1e9
        armed = self._armed or event == 'FAULT'
        self._events.append(
            SafetyEvent(time_s=time_s, source=source, event=event, reasons=reasons, armed=armed)
        )
