"""A state that says the same is not decoded again, and never mistaken for one that does not."""

from pathlib import Path

from perl_replay.bag import Bag
from perl_replay.episodes import stamp_ns
import pytest

BAGS = Path(__file__).parents[1] / 'bags'


@pytest.mark.parametrize('bag', ['reach', 'stop'])
@pytest.mark.parametrize('topic', ['/perl_controller/state', '/perl_controller/safety'])
def test_repeated_states_say_what_all_of_them_say(bag, topic):
    opened = Bag(BAGS / bag)
    plain = [(m.received_ns, stamp_ns(m.data), repr(m.data)) for m in opened.messages([topic])]
    found = opened.messages([topic], repeated=[topic])
    assert [(m.received_ns, stamp_ns(m.data), repr(m.data)) for m in found] == plain
    objects = {id(message.data) for message in opened.messages([topic], repeated=[topic])}
    assert len({text for *_, text in plain}) > len(objects) >= 1
