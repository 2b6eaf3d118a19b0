"""``python -m perl_replay BAG``: judge a recorded run, from its bag alone."""

import argparse
import json
from pathlib import Path
import sys

from perl_core.errors import BagError

from perl_replay.evaluation import evaluate_bag
from perl_replay.report import print_report

_DESCRIPTION = """\
Print what a bag says about a run: goals, errors, time to reach, branches, gate, timing of the
control loop, safety events. Every figure is read from the bag; neither ROS nor the robot is
needed. The last line of the output is one JSON object with the same figures.
"""
_EXIT_CODES = """\
exit status: 0 all goals were reached and nothing stopped; 1 a goal failed or something stopped;
2 the bag is missing, damaged, or was not recorded with this stack (what can be read is shown)
"""


def main() -> None:
    """Run the command; exit 0, 1 or 2 as its help says."""
    parser = argparse.ArgumentParser(
        prog='python -m perl_replay',
        description=_DESCRIPTION,
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('bag', type=Path, metavar='BAG', help='folder of the bag, or .mcap file')
    parser.add_argument('--json', type=Path, metavar='FILE', help='write the JSON object here too')
    arguments = parser.parse_args()
    try:
        sys.exit(_report(arguments.bag, arguments.json))
    except BagError as error:
        sys.stderr.write(f'perl_replay: {error}\n')
    except OSError as error:
        sys.stderr.write(f'perl_replay: {error.filename}: {error.strerror}\n')
    sys.exit(2)


def _report(bag: Path, json_file: Path | None) -> int:
    """Evaluate and print; return the exit status."""
    evaluation = evaluate_bag(bag)
    print_report(evaluation)
    if json_file is not None:
        json_file.write_text(json.dumps(evaluation.to_dict(), indent=2) + '\n', 'utf-8')
    if evaluation.damage:
        sys.stderr.write(f'perl_replay: {evaluation.damage}\n')
        return 2
    return 0 if evaluation.ok else 1


if __name__ == '__main__':
    main()
