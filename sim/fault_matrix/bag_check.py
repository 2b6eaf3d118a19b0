"""What the bag of a trial lacks."""

from pathlib import Path

from perl_core.errors import BagError
from perl_replay.bag import Bag
from perl_replay.timing import TimingCollector

TIMING = '/perl_controller/loop_timing'


def bag_losses(path: Path, *, whole: bool) -> list[str]:
    """Return what is wrong with a bag: it cannot be read, or ticks are missing in its middle.

    Args:
        path: of the bag; if there is none, nothing was recorded.
        whole: whether the recorder was asked to end, so that the bag must be finished.
    """
    if not path.exists():
        return ['there is none'] if whole else []
    try:
        bag = Bag(path, readable_part=not whole)
        timing = TimingCollector()
        if TIMING in bag.topics:
            for message in bag.messages((TIMING,)):
                timing.add(message.data)
    except BagError as error:
        return [str(error)]
    missing = timing.figures().ticks_not_recorded
    return [f'{missing} ticks are missing between the first and the last'] if missing else []
