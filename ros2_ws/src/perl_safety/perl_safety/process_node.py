"""How the process of a node ends: a signal is a request, looked at between two rounds."""

from collections.abc import Callable
import signal
import sys
from typing import NoReturn

import rclpy
from rclpy.signals import SignalHandlerOptions

StopRequests = list[int]
"""Signals that asked the process to end; empty until then."""


def run_process(run: Callable[[StopRequests], int]) -> NoReturn:
    """Run a node until it returns, and exit with the status that it returns.

    rclpy's own handlers would pull the graph away from under a call that is under way.

    Args:
        run: is to return soon after SIGTERM or SIGINT were added to the list that it is given.
    """
    stop_requests: StopRequests = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: stop_requests.append(received))
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        sys.exit(run(stop_requests))
    finally:
        rclpy.try_shutdown()
