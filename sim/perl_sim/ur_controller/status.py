"""Show the state of a running emulator: ``python -m perl_sim.ur_controller.status --help``.

A process of its own: a terminal that is slow, or stopped by Ctrl-S, never holds up the controller.
"""

import argparse
import json
import math
import signal
import sys
import time
from typing import Any

from perl_core.errors import PerlError
from perl_sim.ur_controller.control_server import ask
from rich.console import Console
from rich.live import Live
from rich.text import Text

PERIOD_S = 0.25
"""Between two looks. Own choice."""
STYLES = {'NORMAL': 'green', 'RUNNING': 'green', 'PLAYING': 'green', 'REDUCED': 'yellow'}
"""Colours of good news; everything else is red, a program that does not play plain."""

DESCRIPTION = """\
Show the state of the emulated controller that runs at an address of this machine: modes, program,
joint angles, clients, faults that are on."""


def status_line(address: str, status: dict[str, Any]) -> Text:
    """Return the state in one line."""
    line = Text(address, 'bold', no_wrap=True, overflow='ellipsis')
    for name, otherwise in (('robot_mode', 'red'), ('safety_mode', 'red'), ('runtime_state', '')):
        line.append(f' {status[name]}', STYLES.get(status[name], otherwise))
    if not status['remote']:
        line.append(' in local mode', 'yellow')
    for fault in status['faults']:
        line.append(f' [{fault}]', 'bold red')
    degrees = ' '.join(f'{math.degrees(angle):.1f}' for angle in status['joints_rad'])
    line.append(f' {status["time_s"]:.1f} s, {status["clients"]} clients, {degrees} deg')
    return line


def watch(address: str, console: Console) -> None:
    """Renew the line until the controller is gone."""
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while True:
            live.update(status_line(address, ask(address, {'do': 'status'})), refresh=True)
            time.sleep(PERIOD_S)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='status', description=DESCRIPTION)
    parser.add_argument('--address', default='127.0.0.2',
                        help='of the emulated controller (default 127.0.0.2)')
    parser.add_argument('--watch', action='store_true',
                        help='renew the line until the controller ends')
    parser.add_argument('--json', action='store_true', help='one JSON object instead, for scripts')
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Show it once or on and on; return the exit status."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        status = ask(options.address, {'do': 'status'})
        if options.json:
            sys.stdout.write(json.dumps(status) + '\n')
        elif options.watch:
            watch(options.address, Console(stderr=True))
        else:
            Console().print(status_line(options.address, status), soft_wrap=True)
    except (PerlError, ConnectionError) as error:
        if not options.watch:
            sys.stderr.write(f'status: {error}\n')
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
