"""Cause a fault of a running emulator: ``python -m perl_sim.ur_controller.fault --help``."""

import argparse
import sys
from typing import Any

from perl_core.errors import PerlError
from perl_sim.ur_controller.control_server import ask
from perl_sim.ur_controller.fault_parameters import DURATION, Parameter
from perl_sim.ur_controller.fault_table import KINDS

DESCRIPTION = """\
Cause a fault of the emulated controller that runs at an address of this machine, end faults, or
list those that are on. Each fault explains itself: fault freeze_stream --help."""


def option_name(parameter: str) -> str:
    """Return the option of a parameter: --for for for_s, --force for force_n."""
    stem, _, unit = parameter.rpartition('_')
    known_units = ('s', 'n', 'rad')
    return '--' + (stem if unit in known_units else parameter).replace('_', '-')


def _add_option(parser: argparse.ArgumentParser, name: str, parameter: Parameter) -> None:
    settings: dict[str, Any] = {'dest': name, 'help': parameter.help.replace('%', '%%')}
    if parameter.default is not None:
        settings['help'] += f' (default {parameter.default})'
    if parameter.is_text:
        settings['choices'] = parameter.choices or None
    else:
        settings['type'] = float
    if parameter.size > 1:
        settings['nargs'] = parameter.size
    parser.add_argument(
        option_name(name), required=parameter.default is None and name != DURATION, **settings)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='fault', description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--address', default='127.0.0.2',
                        help='of the emulated controller (default 127.0.0.2)')
    kinds = parser.add_subparsers(dest='fault', required=True, metavar='FAULT')
    for name, kind in KINDS.items():
        options = kinds.add_parser(name, help=kind.help, description=kind.help)
        for parameter_name, parameter in kind.parameters.items():
            _add_option(options, parameter_name, parameter)
    clear = kinds.add_parser('clear', help='end all faults, or those of one kind')
    clear.add_argument('kind', nargs='?', choices=sorted(KINDS), metavar='FAULT',
                       help='what to end (default all)')
    kinds.add_parser('list', help='list the faults that are on')
    return parser


def _request(options: argparse.Namespace) -> dict[str, Any]:
    if options.fault == 'clear':
        return {'do': 'clear', 'fault': options.kind}
    if options.fault == 'list':
        return {'do': 'status'}
    given = {name: getattr(options, name) for name in KINDS[options.fault].parameters}
    arguments = {name: value for name, value in given.items() if value is not None}
    return {'do': 'begin', 'fault': options.fault, **arguments}


def _lines(reply: dict[str, Any]) -> list[str]:
    if 'began' in reply:
        return [f'began {reply["began"]}']
    if 'cleared' in reply:
        return [f'ended {text}' for text in reply['cleared']] or ['nothing to end']
    return reply['faults'] or ['no fault is on']


def main(arguments: list[str] | None = None) -> int:
    """Send one request; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        reply = ask(options.address, _request(options))
    except (PerlError, ConnectionError) as error:
        sys.stderr.write(f'fault: {error}\n')
        return 1
    sys.stdout.write(''.join(f'{line}\n' for line in _lines(reply)))
    return 0


if __name__ == '__main__':
    sys.exit(main())
