"""Bags -> transitions for training: what the policy saw, what it said, and what came of it."""

from collections.abc import Sequence
import dataclasses
from pathlib import Path

import numpy as np
from perl_core.contract import ACTION_SIZE, OBSERVATION_SIZE, Contract
from perl_core.errors import BagError
from perl_core.transitions import Transitions, write_transitions

from perl_replay.bag import Bag
from perl_replay.clock import Clock
from perl_replay.episodes import Episode, EpisodeCollector, stamp_ns
from perl_replay.needed import NEEDED
from perl_replay.objections import Objections
from perl_replay.topics import COMMAND, POLICY_STATE, REACH_EVENTS

_TOPICS = (REACH_EVENTS, POLICY_STATE, COMMAND)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportFigures:
    """What was exported."""

    goals: int
    """With at least one transition."""
    transitions: int
    """Written."""
    limited: int
    """Left out because the safety filter changed what the policy asked for."""


def export_transitions(
    bags: Sequence[Path], file: Path, contract: Contract, partial: bool = False
) -> ExportFigures:
    """Write the transitions of some bags to a file.

    Left out are the policy's shadow on the way home, steps across a missing period, and steps in
    which the safety filter changed the command.

    Args:
        bags: folders, or MCAP files.
        file: to write, for perl_core.transitions.read_transitions.
        contract: of the policy that was recorded.
        partial: take what can be read of a damaged bag.

    Raises:
        BagError: a bag cannot be read, or holds no transition at all.
    """
    parts: list[Transitions] = []
    limited = 0
    for bag in bags:
        episodes, limited_ticks = _read(bag, partial)
        for episode in episodes:
            part, left_out = _transitions(episode, len(parts), limited_ticks, contract)
            limited += left_out
            if len(part.observation):
                parts.append(part)
    if not parts:
        raise BagError(
            f'{", ".join(map(str, bags))}: no transition was recorded: no policy acted in two '
            f'policy periods that follow each other'
        )
    joined = Transitions(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    write_transitions(file, joined, contract)
    return ExportFigures(
        goals=len(parts), transitions=len(joined.observation), limited=limited
    )


def _read(path: Path, partial: bool) -> tuple[list[Episode], np.ndarray]:
    """Return the episodes of a bag, and the ticks at which periods with a limit ended."""
    objections = Objections(partial)
    bag = Bag(path, readable_part=partial)
    if not bag.message_count:
        raise BagError(f'{path} holds no messages. {bag.damage or "Nothing was recorded."}')
    topics = bag.require({name: NEEDED[name] for name in _TOPICS}, objections)
    collector, clock = EpisodeCollector(objections), Clock(bag.start_ns, objections)
    limited: list[int] = []
    for message in bag.messages(topics):
        clock.check(message.topic, stamp_ns(message.data))
        if message.topic == REACH_EVENTS:
            collector.add_event(message.data, message.received_ns)
        elif message.topic == POLICY_STATE:
            collector.add_policy_state(message.data)
        elif message.data.limited:
            limited.append(message.data.tick)
    return collector.take_all(), np.array(sorted(limited), dtype=np.int64)


def _transitions(
    episode: Episode, number: int, limited_ticks: np.ndarray, contract: Contract
) -> tuple[Transitions, int]:
    """Return the transitions of an episode, and how many the filter spoilt."""
    policy, substeps = episode.policy, contract.substeps
    follows = (np.diff(policy.tick) == substeps) & ~policy.shadow[:-1] & ~policy.shadow[1:]
    rows = np.flatnonzero(follows)
    # A recorded period ends at its tick; it overlaps the policy's period that began at most
    # one period before, and the one that began in it.
    begins = policy.tick[rows]
    first = np.searchsorted(limited_ticks, begins, side='right')
    last = np.searchsorted(limited_ticks, begins + 2 * substeps, side='left')
    spoilt = last > first
    rows = rows[~spoilt]
    return Transitions(
        observation=episode.observation[rows].reshape(-1, OBSERVATION_SIZE),
        action=policy.action[rows].reshape(-1, ACTION_SIZE),
        next_observation=episode.observation[rows + 1].reshape(-1, OBSERVATION_SIZE),
        terminated=np.zeros(len(rows), dtype=bool),
        episode=np.full(len(rows), number, dtype=np.int64),
    ), int(spoilt.sum())
