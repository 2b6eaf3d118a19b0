"""Who must be alive for the arm to move: the node, and the safety monitor."""

import math
from typing import Protocol

from perl_safety.heartbeat import Beat

from perl_control.mailbox import Orders


class BeatReader(Protocol):
    """See perl_safety.heartbeat.HeartbeatReader."""

    def read(self) -> Beat:
        """Return the newest beat."""
        ...


class Watch:
    """Looks at both heartbeats."""

    def __init__(self, monitor: BeatReader | None, timeout_s: float) -> None:
        """Remember where to look.

        Args:
            monitor: heartbeat of the safety monitor; None: not required.
            timeout_s: a heartbeat older than this is lost.
        """
        self._monitor = monitor
        self._timeout_s = timeout_s

    def node_age_s(self, orders: Orders, now_ns: int) -> float:
        """Return the age of the node's heartbeat [s]; infinite before the first."""
        return (now_ns - orders.heartbeat_ns) * 1e-9 if orders.heartbeat_ns else math.inf

    def reason(self, orders: Orders, now_ns: int) -> str:
        """Return the name of why the arm may not move, or an empty string."""
        if self.node_age_s(orders, now_ns) > self._timeout_s:
            return 'node_heartbeat'
        if self._monitor is None:
            return ''
        beat = self._monitor.read()
        if beat.age_s(now_ns) > self._timeout_s:
            return 'monitor_heartbeat'
        return f'monitor:{beat.reason}' if beat.stop else ''
