"""Run an emulated UR controller: ``python -m perl_sim.ur_controller --address 127.0.0.2``."""

import contextlib
import logging
import signal
import sys

from perl_core.errors import PerlError
from perl_sim.ur_controller.children import child
from perl_sim.ur_controller.command_line import config_from, make_clock, parser
from perl_sim.ur_controller.emulator import Emulator
from perl_sim.ur_controller.pacing import become_real_time


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; return the exit status."""
    options = parser().parse_args(arguments)
    logging.basicConfig(level=options.log_level, format='ur_controller: %(message)s')
    over: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda signum, _: over.append(signum))
    try:
        emulator = Emulator(config_from(options))
    except PerlError as error:
        sys.stderr.write(f'ur_controller: {error}\n')
        return 1
    signal.signal(signal.SIGUSR1, lambda *_: emulator.request_protective_stop('SIGUSR1 came'))
    with contextlib.ExitStack() as children:
        if sys.stderr.isatty() and not options.no_status:
            children.enter_context(child('status', '--watch', '--address', options.address))
        become_real_time(options.priority)
        sys.stdout.write(f'ready {options.address}\n')
        sys.stdout.flush()
        clock = make_clock(options.clock)
        emulator.run(clock, lambda: bool(over))
    sys.stderr.write(f'ur_controller: {options.address}: {clock.summary()}\n')
    return 0


if __name__ == '__main__':
    sys.exit(main())
