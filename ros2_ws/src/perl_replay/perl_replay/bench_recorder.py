"""What the recorder costs and loses, with real publishers beside it: a part of the bench.

500 joint states and 50 policy states a second go through the middleware to a recorder process.
"""

from collections.abc import Iterator
import contextlib
import dataclasses
import json
import os
from pathlib import Path
import random
import signal
import subprocess
import sys
import time

from perl_core.errors import BagError

from perl_replay.bag import Bag
from perl_replay.repair import repair_bag
from perl_replay.topics import JOINT_STATES, POLICY_STATE

MOST_CORE = 0.15
"""Processor time of the recorder over time that passed."""
MOST_LOSS_S = 1.0
"""Recorded time that is lost when the recorder is killed."""
_LAST_FREE_DOMAIN = 101
"""Above it, the ports of a ROS domain collide with Linux's ephemeral ports."""
_START_S = 60.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecorderFigures:
    """Cost and losses."""

    duration_s: float
    """How long was published."""
    published: int
    """Messages."""
    dropped: int
    """Of them, not in the bag."""
    core: float
    """Processor time of the recorder over the time that passed."""
    kill_losses_s: tuple[float, ...]
    """From the last message in the repaired bag to each SIGKILL."""

    @property
    def ok(self) -> bool:
        """All bars are met."""
        return (
            self.dropped == 0
            and self.core < MOST_CORE
            and max(self.kill_losses_s, default=0.0) <= MOST_LOSS_S
        )


def measure_recorder(folder: Path, duration_s: float, kills: int) -> RecorderFigures:
    """Run recorder and publisher, once to the end and some times to a SIGKILL.

    Args:
        folder: for the bags.
        duration_s: of the run to the end.
        kills: how often the recorder is killed.
    """
    bag = folder / 'whole'
    with _running(bag, duration_s) as (recorder, publisher):
        before_s, begin_s = _processor_s(recorder.pid), time.monotonic()
        published = json.loads(_line(publisher))
        core = (_processor_s(recorder.pid) - before_s) / (time.monotonic() - begin_s)
        recorder.send_signal(signal.SIGTERM)
        recorder.wait(_START_S)
    topics = Bag(bag).topics
    sent = published[JOINT_STATES] + published[POLICY_STATE]
    return RecorderFigures(
        duration_s=published['took_s'],
        published=sent,
        dropped=sent - topics[JOINT_STATES].messages - topics[POLICY_STATE].messages,
        core=core,
        kill_losses_s=tuple(_kill(folder / f'killed{number}') for number in range(kills)),
    )


def _kill(bag: Path) -> float:
    """Kill a recorder and return how much recorded time is lost [s]."""
    lasting_s = random.uniform(1.0, 3.0)
    with _running(bag, 2.0 * lasting_s) as (recorder, _):
        time.sleep(lasting_s)
        killed_ns = time.time_ns()
        os.killpg(recorder.pid, signal.SIGKILL)
        recorder.wait(_START_S)
    repair_bag(bag)
    return (killed_ns - Bag(bag).end_ns) / 1e9


@contextlib.contextmanager
def _running(
    bag: Path, duration_s: float
) -> Iterator[tuple[subprocess.Popen[str], subprocess.Popen[str]]]:
    """Run a recorder, and a publisher that begins now; end both in any case."""
    environment = {
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
        'ROS_DOMAIN_ID': str(random.randint(1, _LAST_FREE_DOMAIN)),
        **os.environ,
    }
    commands = (
        ['recorder_node', '--ros-args', '-p', f'bag:={bag}'],
        ['bench_publisher_node', '--for', str(duration_s)],
    )
    processes: list[subprocess.Popen[str]] = []
    try:
        for module, *words in commands:
            processes.append(subprocess.Popen(
                [sys.executable, '-m', f'perl_replay.{module}', *words], env=environment,
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                start_new_session=True,
            ))
        _line(processes[1])
        yield processes[0], processes[1]
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def _line(process: subprocess.Popen[str]) -> str:
    """Return the next line that a process says.

    Raises:
        BagError: it ended without one.
    """
    line = process.stdout.readline() if process.stdout else ''
    if not line:
        raise BagError(
            'recorder or publisher of the bench ended early; run it where ROS is set up: '
            'make bench-replay does'
        )
    return line


def _processor_s(pid: int) -> float:
    """Return the processor time that a process has taken, all threads together."""
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    # The 14th and 15th field of proc(5): utime and stime; two are before the bracket.
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')
