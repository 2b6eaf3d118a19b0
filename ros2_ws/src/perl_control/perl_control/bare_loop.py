"""``python -m perl_control.bare_loop``: sleeps to absolute deadlines and does nothing else.

What it finds is the machine's own lateness, the yardstick of the control loop's. It takes the
same rights as the control loop, ends on SIGTERM, and then writes its lateness [us] to stdout as
float32.
"""

import argparse
import os
import signal
import sys

import numpy as np

from perl_control.pacing import Pacer
from perl_control.real_time import RealTime, become_real_time, die_with_parent

PERIOD_S = 0.002
CAPACITY = 1_000_000
"""Ticks, 33 minutes; kept in memory that is there from the start."""


def main() -> None:
    """Loop until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--priority', type=int, default=60)
    parser.add_argument('--cpu', type=int, default=-1)
    parser.add_argument('--parent', type=int, default=0, help='end when this process ends')
    parser.add_argument('--start-ns', type=int, help='first deadline by the monotonic clock')
    options = parser.parse_args()
    die_with_parent(options.parent)
    ended = []
    signal.signal(signal.SIGTERM, lambda number, _frame: ended.append(number))
    lateness_us = np.zeros(CAPACITY, dtype=np.float32)
    become_real_time(RealTime(options.priority, options.cpu if options.cpu >= 0 else None))
    pacer, ticks = Pacer(PERIOD_S, options.start_ns), 0
    while not ended and ticks < CAPACITY:
        lateness_us[ticks] = pacer.wait().lateness_us
        ticks += 1
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    sys.stdout.buffer.write(lateness_us[:ticks].tobytes())


if __name__ == '__main__':
    main()
