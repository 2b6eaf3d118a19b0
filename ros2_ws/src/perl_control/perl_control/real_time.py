"""What the operating system grants a process that must be on time; all of it optional."""

import ctypes
import gc
import os
import signal
from typing import NamedTuple

_PR_SET_PDEATHSIG = 1
"""linux/prctl.h"""
_MCL_CURRENT_AND_FUTURE = 3
"""sys/mman.h"""


class RealTime(NamedTuple):
    """What to ask for."""

    priority: int = 60
    """SCHED_FIFO priority, 1 to 99; 0: stay with the default scheduler."""
    cpu: int | None = None
    """Run on this processor only; None: any."""


def die_with_parent(parent_pid: int) -> None:
    """Get SIGTERM when the thread that started this process ends.

    Args:
        parent_pid: who that is; if it has ended already, the signal is raised now. 0: nobody.
    """
    if not parent_pid:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM) != 0 or os.getppid() != parent_pid:
        os.kill(os.getpid(), signal.SIGTERM)


def become_real_time(wish: RealTime) -> list[str]:
    """Take what is permitted.

    Args:
        wish: what to ask for.

    Returns:
        One sentence for each thing that was refused.
    """
    refused = []
    gc.collect()
    gc.freeze()
    gc.disable()
    if ctypes.CDLL(None, use_errno=True).mlockall(_MCL_CURRENT_AND_FUTURE) != 0:
        refused.append(
            'mlockall was refused: memory may be paged out; raise "memlock" in limits.conf.'
        )
    try:
        if wish.priority:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(wish.priority))
    except PermissionError:
        refused.append(
            f'SCHED_FIFO priority {wish.priority} was refused: expect late ticks on a busy '
            'machine; raise "rtprio" in limits.conf.'
        )
    return refused + stay_on(wish.cpu)


def stay_on(cpu: int | None) -> list[str]:
    """Let this thread, and those that it starts from now on, run on one processor only.

    Args:
        cpu: which; None: any.

    Returns:
        One sentence if it was refused.
    """
    try:
        if cpu is not None:
            os.sched_setaffinity(0, {cpu})
    except OSError as error:
        return [f'affinity to processor {cpu} was refused: {error.strerror}.']
    return []
