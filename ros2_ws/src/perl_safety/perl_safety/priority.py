"""Who comes first on a busy machine: those whose heartbeat keeps the arm moving."""

import os


def come_first(priority: int) -> str:
    """Run this thread before ordinary ones; its children and new threads stay ordinary.

    Args:
        priority: of SCHED_FIFO, 1 to 99.

    Returns:
        One sentence if that was refused, or an empty string.
    """
    try:
        os.sched_setscheduler(
            0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(priority)
        )
    except PermissionError:
        return (
            f'SCHED_FIFO priority {priority} was refused: on a busy machine the heartbeat may '
            'come late and stop the arm; raise "rtprio" in limits.conf.'
        )
    return ''
