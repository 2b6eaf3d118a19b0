"""What can be wrong with a connection: packages late, lost or frozen, replies slow or absent.

A connection without an impairment costs one comparison a send; see ``Connection`` in network.py.
"""

from collections import deque
import dataclasses
import random
from typing import Protocol

SEED = 42
"""Of the random numbers behind loss and jitter: the same faults hit the same packages."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Conditions:
    """What is wrong with all connections to one service."""

    frozen: bool = False
    """No data package is sent; replies are."""
    drop_share: float = 0.0
    """Share of the data packages that is lost, 0 to 1."""
    package_delay_ticks: int = 0
    """Data packages leave so much later."""
    jitter_ticks: int = 0
    """Data packages leave later by another 0 to so many ticks; their order stays."""
    reply_delay_ticks: int = 0
    """Replies leave so much later."""
    mute: bool = False
    """Replies are never sent."""

    def worse_of(self, other: 'Conditions') -> 'Conditions':
        """Return what holds when both do: of each amount the larger one."""
        mine, theirs = dataclasses.asdict(self), dataclasses.asdict(other)
        return Conditions(**{name: max(mine[name], theirs[name]) for name in mine})


FINE = Conditions()
"""Nothing is wrong."""


class Wire(Protocol):
    """A connection beneath its impairment."""

    def transmit(self, data: bytes) -> None:
        """Send a reply."""

    def transmit_newest(self, data: bytes) -> None:
        """Send a data package, or put it in the place of one that waits."""


class Impairment:
    """What is wrong with one connection, and what it holds back."""

    is_dead = False
    """Whether nothing is read from the connection and its end goes unnoticed."""

    def __init__(self, conditions: Conditions) -> None:
        """Hold nothing back yet."""
        self.conditions = conditions
        self._random = random.Random(SEED)
        self._tick = 0
        self._packages: deque[tuple[int, bytes]] = deque()
        self._replies: deque[tuple[int, bytes]] = deque()

    @property
    def is_over(self) -> bool:
        """Whether nothing is wrong any more and nothing is held back."""
        return self.conditions == FINE and not self._packages and not self._replies

    def reply(self, data: bytes) -> None:
        """Take a reply, to send it later or never."""
        if not self.conditions.mute:
            _append(self._replies, self._tick + self.conditions.reply_delay_ticks, data)

    def package(self, data: bytes) -> None:
        """Take a data package, to send it later or never."""
        conditions = self.conditions
        if conditions.frozen or self._random.random() < conditions.drop_share:
            return
        late = conditions.package_delay_ticks + self._random.randint(0, conditions.jitter_ticks)
        _append(self._packages, self._tick + late, data)

    def forget_packages(self) -> None:
        """Drop the data packages that are held back."""
        self._packages.clear()

    def tick(self, wire: Wire) -> None:
        """Send what is due, and count one tick."""
        while self._replies and self._replies[0][0] <= self._tick:
            wire.transmit(self._replies.popleft()[1])
        while self._packages and self._packages[0][0] <= self._tick:
            wire.transmit_newest(self._packages.popleft()[1])
        self._tick += 1


class DeadLink(Impairment):
    """A half-open connection: the client believes in it, but nothing goes in or out."""

    is_dead = True

    def __init__(self) -> None:
        """Hold everything back for ever."""
        super().__init__(Conditions(frozen=True, mute=True))


def _append(queue: deque[tuple[int, bytes]], due_tick: int, data: bytes) -> None:
    # A stream of bytes keeps its order: nothing overtakes.
    queue.append((max(due_tick, queue[-1][0] if queue else 0), data))
