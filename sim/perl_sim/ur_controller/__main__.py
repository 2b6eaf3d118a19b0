"""Run an emulated UR controller: ``python -m perl_sim.ur_controller --address 127.0.0.2``."""

import argparse
import logging
import signal
import sys

from perl_core.contract import Contract
from perl_core.errors import PerlError
from perl_sim.ur_controller.emulator import Emulator, EmulatorConfig, parse_version
from perl_sim.ur_controller.pacing import Pacing, become_real_time

DESCRIPTION = """\
Emulate the controller of a UR5e: RTDE on port 30004, dashboard on 29999, scripts on 30003, with
a simulated arm behind them. Prints "ready ADDRESS" when all ports listen; ends on SIGTERM or
SIGINT and then prints its timing on stderr. SIGUSR1 causes a protective stop."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='ur_controller', description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    default = EmulatorConfig()
    home = ' '.join(f'{angle:.4f}' for angle in Contract().home_rad)
    parser.add_argument('--address', default=default.address,
                        help=f'IP address of the robot (default {default.address})')
    parser.add_argument('--model', choices=['ur5e'], default='ur5e', help='robot (default ur5e)')
    parser.add_argument('--version', default='5.11.5', metavar='X.Y.Z',
                        help='PolyScope version to report (default 5.11.5)')
    parser.add_argument('--initial-joints', type=float, nargs=6, metavar='RAD',
                        default=default.initial_joints_rad,
                        help=f'joint angles at start (default {home})')
    parser.add_argument('--payload', type=float, default=default.payload_kg, metavar='KG',
                        help='mass that hangs at the flange, 0 to 5 (default 0)')
    parser.add_argument('--local-mode', action='store_true',
                        help='begin in local mode: no program can be started from outside')
    parser.add_argument('--protective-stop', action='store_true',
                        help='begin in a protective stop')
    parser.add_argument('--allow-non-loopback', action='store_true',
                        help='accept an address that other machines can reach')
    parser.add_argument('--priority', type=int, choices=range(100), default=50, metavar='0..99',
                        help='real-time priority, where permitted; 0: none (default 50)')
    parser.add_argument('--log-level', choices=['DEBUG', 'INFO', 'WARNING', 'ERROR'],
                        default='WARNING', help='what to log on stderr (default WARNING)')
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; return the exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=options.log_level, format='ur_controller: %(message)s')
    over: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda signum, _: over.append(signum))
    try:
        emulator = Emulator(EmulatorConfig(
            address=options.address,
            version=parse_version(options.version),
            initial_joints_rad=tuple(options.initial_joints),
            payload_kg=options.payload,
            local_mode=options.local_mode,
            protective_stop=options.protective_stop,
            allow_non_loopback=options.allow_non_loopback,
        ))
    except PerlError as error:
        sys.stderr.write(f'ur_controller: {error}\n')
        return 1
    signal.signal(signal.SIGUSR1, lambda *_: emulator.request_protective_stop('SIGUSR1 came'))
    become_real_time(options.priority)
    sys.stdout.write(f'ready {options.address}\n')
    sys.stdout.flush()
    pacing = Pacing()
    emulator.run(pacing, lambda: bool(over))
    sys.stderr.write(f'ur_controller: {options.address}: {pacing.summary()}\n')
    return 0


if __name__ == '__main__':
    sys.exit(main())
