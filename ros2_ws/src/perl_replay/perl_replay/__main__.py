"""``python -m perl_replay evaluate BAG``: judge recorded runs, from their bags alone."""

import argparse
import json
from pathlib import Path
import sys

from perl_core.errors import PerlError
from perl_safety.limits import DEFAULT_LIMITS_FILE

from perl_replay.evaluation import EvaluationOptions, evaluate_bag
from perl_replay.report import print_report
from perl_replay.tables import write_csv

_EVALUATE = """\
Print what a bag says about a run: goals, errors, time to reach, branches, gate, timing of the
control loop, safety events; run the policy and the safety filter again on what was recorded.
Neither ROS nor the robot is needed. The last line of the output is one JSON object with the same
figures.
"""
_EXIT_CODES = """\
exit status: 0 all goals were reached and nothing stopped; 1 a goal failed or something stopped;
2 a bag is missing, damaged, or was not recorded with this stack (with --partial, what could be
evaluated is shown)
"""


def main() -> None:
    """Run the command; exit 0, 1 or 2 as its help says."""
    arguments = _parser().parse_args()
    try:
        sys.exit(arguments.run(arguments))
    except PerlError as error:
        sys.stderr.write(f'perl_replay: {error}\n')
    except OSError as error:
        sys.stderr.write(f'perl_replay: {error.filename}: {error.strerror}\n')
    sys.exit(2)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m perl_replay', description='Judge recorded runs, from their bags alone.'
    )
    commands = parser.add_subparsers(required=True, metavar='COMMAND')
    evaluate = commands.add_parser(
        'evaluate', help='figures of one bag, or over many', description=_EVALUATE,
        epilog=_EXIT_CODES, formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    evaluate.add_argument('bag', type=Path, metavar='BAG', help='folder of a bag, or .mcap file')
    _add_options(evaluate)
    evaluate.set_defaults(run=_evaluate)
    return parser


def _add_options(command: argparse.ArgumentParser) -> None:
    command.add_argument('--bundle', type=Path, metavar='OTHER', help='run this policy instead')
    command.add_argument(
        '--limits', type=Path, metavar='FILE', default=DEFAULT_LIMITS_FILE,
        help='run the safety filter with these limits (default: those that are shipped)',
    )
    command.add_argument(
        '--thorough', action='store_true',
        help='run the filter itself on every command, also on those it surely passes (slow)',
    )
    command.add_argument(
        '--partial', action='store_true', help='evaluate what can be, of a bag that is damaged'
    )
    command.add_argument('--json', type=Path, metavar='FILE', help='write the JSON here too')
    command.add_argument('--csv', type=Path, metavar='FILE', help='write one row a goal here')


def _options(arguments: argparse.Namespace) -> EvaluationOptions:
    return EvaluationOptions(
        bundle=arguments.bundle, limits=arguments.limits, thorough=arguments.thorough,
        partial=arguments.partial,
    )


def _evaluate(arguments: argparse.Namespace) -> int:
    """Evaluate and print; return the exit status."""
    evaluation = evaluate_bag(arguments.bag, _options(arguments))
    print_report(evaluation)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(evaluation.to_dict(), indent=2) + '\n', 'utf-8')
    if arguments.csv is not None:
        write_csv(arguments.csv, [evaluation])
    wrong = [evaluation.damage] if evaluation.damage else []
    for sentence in (*wrong, *evaluation.objections):
        sys.stderr.write(f'perl_replay: {sentence}\n')
    if wrong or evaluation.objections:
        return 2
    return 0 if evaluation.ok else 1


if __name__ == '__main__':
    main()
