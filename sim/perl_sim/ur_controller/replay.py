"""Have a running emulator give a recording back: ``python -m perl_sim.ur_controller.replay``.

The arm then is where the recording says, whatever is commanded, and stays where it ends.
"""

import argparse
from pathlib import Path
import sys

from perl_core.errors import PerlError
from perl_sim.ur_controller.control_server import ask


def main(arguments: list[str] | None = None) -> int:
    """Send the request; return the exit status."""
    parser = argparse.ArgumentParser(prog='replay', description=__doc__)
    parser.add_argument('file', type=Path,
                        help='.npz of time_s (n,), position_rad (n, 6), velocity_rad_s (n, 6)')
    parser.add_argument('--address', default='127.0.0.2',
                        help='of the emulated controller (default 127.0.0.2)')
    parser.add_argument('--rate', type=float, default=1.0, help='how many times as fast')
    parser.add_argument('--wait', type=float, default=0.0, metavar='S',
                        help='stay at the first position for so long (default 0)')
    options = parser.parse_args(arguments)
    request = {'do': 'replay', 'file': str(options.file.absolute()), 'rate': options.rate,
               'wait_s': options.wait}
    try:
        reply = ask(options.address, request)
    except (PerlError, ConnectionError) as error:
        sys.stderr.write(f'replay: {error}\n')
        return 1
    sys.stdout.write(f'begins {reply["begins_ns"]}\n')
    return 0


if __name__ == '__main__':
    sys.exit(main())
