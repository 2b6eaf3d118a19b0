"""Bags -> the steps that the arm followed: what an export for learning may take from a bag."""

from collections.abc import Sequence
import dataclasses
from pathlib import Path

import numpy as np
from perl_core.contract import Contract
from perl_core.errors import BagError

from perl_replay.bag import Bag
from perl_replay.clock import Clock
from perl_replay.episodes import Episode, EpisodeCollector, stamp_ns
from perl_replay.needed import NEEDED
from perl_replay.objections import Objections
from perl_replay.topics import COMMAND, POLICY_STATE, REACH_EVENTS

_TOPICS = (REACH_EVENTS, POLICY_STATE, COMMAND)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FollowedGoal:
    """A goal, and in which of its policy periods the arm did what the policy said."""

    episode: Episode
    """Everything recorded about the goal."""
    rows: np.ndarray
    """Indices into its arrays, rising; the state one policy period later was recorded, too."""
    limited: int
    """Periods left out because the safety filter changed what the policy asked for."""


def read_followed(
    bags: Sequence[Path], contract: Contract, partial: bool = False
) -> list[FollowedGoal]:
    """Return the goals of some bags, in the order in which they were recorded.

    Left out of their rows are the policy's shadow on the way home, steps across a missing period,
    and steps in which the safety filter changed the command.

    Args:
        bags: folders, or MCAP files.
        contract: of the policy that was recorded.
        partial: take what can be read of a damaged bag.

    Raises:
        BagError: a bag cannot be read, or no goal of any has a step.
    """
    goals: list[FollowedGoal] = []
    for bag in bags:
        episodes, limited_ticks = _read(bag, partial)
        goals += [followed(episode, limited_ticks, contract) for episode in episodes]
    if not any(len(goal.rows) for goal in goals):
        raise BagError(
            f'{", ".join(map(str, bags))}: no transition was recorded: no policy acted in two '
            f'policy periods that follow each other'
        )
    return goals


def followed(episode: Episode, limited_ticks: np.ndarray, contract: Contract) -> FollowedGoal:
    """Return which steps of a goal the arm followed.

    Args:
        episode: the goal.
        limited_ticks: at which recorded periods ended in which the filter changed a command.
        contract: of the policy that was recorded.
    """
    policy, substeps = episode.policy, contract.substeps
    follows = (np.diff(policy.tick) == substeps) & ~policy.shadow[:-1] & ~policy.shadow[1:]
    rows = np.flatnonzero(follows)
    # A recorded period ends at its tick; it overlaps the policy's period that began at most
    # one period before, and the one that began in it.
    begins = policy.tick[rows]
    first = np.searchsorted(limited_ticks, begins, side='right')
    last = np.searchsorted(limited_ticks, begins + 2 * substeps, side='left')
    spoilt = last > first
    return FollowedGoal(episode=episode, rows=rows[~spoilt], limited=int(spoilt.sum()))


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
