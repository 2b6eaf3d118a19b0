"""Time in a bag runs forward; where it does not, no duration in it can be trusted."""

from perl_replay.objections import Objections

_OVERTAKEN_NS = 1_000_000_000
"""Messages of a topic may overtake each other by less than this."""


class Clock:
    """Compares the stamps of each topic with the one before."""

    def __init__(self, start_ns: int, objections: Objections) -> None:
        """Start without stamps.

        Args:
            start_ns: start of the bag, Unix time.
            objections: told of a stamp that lies before its predecessor.
        """
        self._start_ns, self._objections = start_ns, objections
        self._latest: dict[str, int] = {}
        self._tick = -1

    def check(self, topic: str, stamp_ns: int) -> None:
        """Take the next stamp of a topic."""
        before_ns = self._latest.get(topic, stamp_ns)
        self._latest[topic] = stamp_ns
        if stamp_ns < before_ns - _OVERTAKEN_NS:
            self._object(topic, before_ns, stamp_ns)

    def check_tick(self, topic: str, tick: int, stamp_ns: int) -> None:
        """Take the next tick of the control loop: a later tick has a later stamp."""
        before_ns = self._latest.get(topic, stamp_ns)
        if tick > self._tick and stamp_ns < before_ns:
            self._object(topic, before_ns, stamp_ns)
        self._tick = tick

    def _object(self, topic: str, before_ns: int, stamp_ns: int) -> None:
        self._objections.raise_(
            'clock',
            f'the clock went backwards in the bag: on {topic}, '
            f'{(before_ns - self._start_ns) / 1e9:.2f} s after the start, by '
            f'{(before_ns - stamp_ns) / 1e9:.3f} s; times and durations after it mean nothing',
        )
