"""``python -m perl_replay evaluate BAG``: judge recorded runs, from their bags alone."""

import argparse
import dataclasses
import gc
import json
from pathlib import Path
import sys
from typing import Any

from perl_core.bundle.runtime import Policy
from perl_core.contract import Contract
from perl_core.errors import BagError, PerlError
from perl_safety.limits import DEFAULT_LIMITS_FILE

from perl_replay.black_box import as_bag
from perl_replay.comparison import compare_bags
from perl_replay.evaluation import Evaluation, EvaluationOptions
from perl_replay.export import export_transitions
from perl_replay.lerobot_dataset import export_dataset
from perl_replay.many import summarise_bags
from perl_replay.page.comparison_page import comparison_page
from perl_replay.page.document import write_document
from perl_replay.page.files import BESIDE, beside, pages_of
from perl_replay.page.making import evaluate_to_page, trace_bag
from perl_replay.page.overview_page import write_overview
from perl_replay.repair import repair_bag
from perl_replay.report import print_comparison, print_many, print_report
from perl_replay.tables import write_csv

_EVALUATE = """\
Print what a bag says about a run: goals, errors, time to reach, branches, gate, timing of the
control loop, safety events; run the policy and the safety filter again on what was recorded.
Neither ROS nor the robot is needed. The last line of the output is one JSON object with the main
figures; --json, --csv and --html write all of them.
"""
_COMPARE = """\
Print how B differs from A on the goals that both were asked for: each figure with the mean
difference, its 95 % interval and the p-value of a paired test. The last line is one JSON object.
"""
_EXPORTS = {'transitions': export_transitions, 'lerobot': export_dataset}
"""What writes a format."""
_EXIT_CODES = """\
exit status: 0 all goals were reached and nothing stopped; 1 a goal failed or something stopped;
2 a bag is missing, damaged, or was not recorded with this stack (with --partial, what could be
evaluated is shown)
"""


def main() -> None:
    """Run the command; exit 0, 1 or 2 as its help says."""
    # What the imports made stays; looking through it for garbage takes a tenth of the time.
    gc.freeze()
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
    evaluate.add_argument(
        'bags', type=Path, nargs='+', metavar='BAG',
        help='folder of a bag, .mcap file, or black box (.npz)',
    )
    _add_options(evaluate)
    _add_files(evaluate)
    evaluate.add_argument('--csv', type=Path, metavar='FILE', help='write one row a goal here')
    evaluate.set_defaults(run=_evaluate)
    compare = commands.add_parser(
        'compare', help='how B differs from A on the same goals', description=_COMPARE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    compare.add_argument('a', type=Path, metavar='A', help='a bag')
    compare.add_argument('b', type=Path, metavar='B', help='another with the same goals')
    _add_files(compare)
    _add_options(compare)
    compare.set_defaults(run=_compare)
    export = commands.add_parser(
        'export', help='transitions for training',
        description='Write what the policy saw, said and came to see next, for sim/train.py '
        '--transitions FILE, or as a dataset for LeRobot (docs/replay.md).',
    )
    export.add_argument('bags', type=Path, nargs='+', metavar='BAG')
    export.add_argument(
        '--format', choices=sorted(_EXPORTS), default='transitions',
        help="default: transitions; lerobot needs the extra 'lerobot'",
    )
    export.add_argument('--out', type=Path, metavar='OUT', required=True, help='.safetensors, '
                        'or for lerobot a new folder')
    export.add_argument('--bundle', type=Path, metavar='FOLDER', help='the recorded policy, for '
                        'its contract (default: the contract of this version)')
    export.add_argument('--partial', action='store_true', help='also of damaged bags')
    export.set_defaults(run=_export)
    repair = commands.add_parser(
        'repair', help='make a bag whole whose recorder was killed',
        description='Keep what can be read of a bag, in its place, and write index and '
        'metadata.yaml anew, so that every reader opens it. The last line is one JSON object.',
    )
    repair.add_argument('bag', type=Path, metavar='BAG', help='folder of a bag, or .mcap file')
    repair.set_defaults(run=_repair)
    return parser


def _add_options(command: argparse.ArgumentParser) -> None:
    command.add_argument('--bundle', type=Path, metavar='OTHER', help='run this policy instead')
    command.add_argument(
        '--limits', type=Path, metavar='FILE', default=DEFAULT_LIMITS_FILE,
        help='run filter and monitor with these limits (default: those that are shipped)',
    )
    command.add_argument(
        '--partial', action='store_true', help='evaluate what can be, of a bag that is damaged'
    )


def _add_files(command: argparse.ArgumentParser) -> None:
    command.add_argument('--json', type=Path, metavar='FILE', help='write all figures here')
    command.add_argument(
        '--html', type=Path, metavar='FILE', nargs='?', const=BESIDE,
        help='write a page with figures and pictures here (default: beside each bag)',
    )


def _options(arguments: argparse.Namespace) -> EvaluationOptions:
    return EvaluationOptions(
        bundle=arguments.bundle, limits=arguments.limits, partial=arguments.partial,
    )


def _evaluate(arguments: argparse.Namespace) -> int:
    """Evaluate and print; return the exit status."""
    arguments.bags = [as_bag(bag) for bag in arguments.bags]
    evaluations, pages, refused = _evaluate_all(arguments)
    alone = len(arguments.bags) == 1
    many = summarise_bags(evaluations)
    figures = {**many.to_dict(), 'evaluations': [entry.to_dict() for entry in evaluations]}
    _write_json(arguments.json, figures['evaluations'][0] if alone else figures)
    if arguments.csv is not None:
        write_csv(arguments.csv, evaluations)
    files = {'json': arguments.json, 'csv': arguments.csv} if alone else {}
    for evaluation, page in zip(evaluations, pages, strict=True):
        print_report(evaluation, files={'html': page, **files})
    if not alone:
        if arguments.html not in (None, BESIDE):
            write_overview(arguments.html, many, evaluations, pages)
        print_many(many)
    if _tell_damage(evaluations) or refused:
        return 2
    return 0 if all(evaluation.ok for evaluation in evaluations) else 1


def _evaluate_all(
    arguments: argparse.Namespace,
) -> tuple[list[Evaluation], list[Path | None], bool]:
    """Return the evaluations, their pages, and whether a bag was refused while others were not.

    Raises:
        BagError: a bag cannot be evaluated, and no part was asked for or it is the only one.
    """
    evaluations, pages, refusal = [], [], None
    wanted = pages_of(arguments.bags, arguments.html)
    for bag, page in zip(arguments.bags, wanted, strict=True):
        try:
            evaluations.append(evaluate_to_page(bag, _options(arguments), page))
            pages.append(page)
        except BagError as error:
            if not arguments.partial:
                raise
            refusal = error
            sys.stderr.write(f'perl_replay: {error}\n')
    if refusal is not None and not evaluations:
        sys.exit(2)
    return evaluations, pages, refusal is not None


def _compare(arguments: argparse.Namespace) -> int:
    """Compare and print; return the exit status."""
    runs = [trace_bag(bag, _options(arguments)) for bag in (arguments.a, arguments.b)]
    evaluations = [run.evaluation for run in runs]
    comparison = compare_bags(*evaluations)
    _write_json(arguments.json, comparison.to_dict())
    if arguments.html is not None:
        page = arguments.html
        if page == BESIDE:
            page = beside(arguments.b, f'_against_{beside(arguments.a).stem}')
        write_document(page, comparison_page(comparison, *runs))
        sys.stdout.write(f'Report: {page}\n')
    print_comparison(comparison)
    return 2 if _tell_damage(evaluations) else 0


def _export(arguments: argparse.Namespace) -> int:
    """Export and print; return the exit status."""
    contract = Policy.load(arguments.bundle).contract if arguments.bundle else Contract()
    export = _EXPORTS[arguments.format]
    figures = export(arguments.bags, arguments.out, contract, arguments.partial)
    sys.stdout.write(json.dumps(dataclasses.asdict(figures)) + '\n')
    return 0


def _repair(arguments: argparse.Namespace) -> int:
    """Repair and print; return the exit status."""
    repair = repair_bag(arguments.bag)
    for sentence in repair.sentences():
        sys.stdout.write(f'{sentence}\n')
    sys.stdout.write(json.dumps(dataclasses.asdict(repair)) + '\n')
    return 0


def _write_json(file: Path | None, figures: dict[str, Any]) -> None:
    if file is not None:
        file.write_text(json.dumps(figures, indent=2) + '\n', 'utf-8')


def _tell_damage(evaluations: list[Evaluation]) -> bool:
    """Write what was passed over in each bag; return whether anything was."""
    wrong = [
        sentence
        for evaluation in evaluations
        for sentence in (evaluation.damage, *evaluation.objections)
        if sentence
    ]
    for sentence in wrong:
        sys.stderr.write(f'perl_replay: {sentence}\n')
    return bool(wrong)


if __name__ == '__main__':
    main()
