"""The page docs/fault_matrix.md, made from the raw figures."""

from collections.abc import Iterable, Sequence

from fault_matrix.cases import CASES
from fault_matrix.trial import Result

GROUPS = {
    'connection': 'Between robot and computer',
    'robot': 'The robot',
    'policy': 'The policy',
    'goals': 'Goals',
    'machine': 'The computer',
    'processes': 'Processes',
    'start': 'Starts that must be refused',
}
"""Headings, by the group of a case."""
COMES = {
    'stops': 'stops', 'goes_on': 'goes on', 'either': 'either', 'refuses_goal': 'goal refused',
    'refuses_start': 'start refused',
}
_INTRODUCTION = """\
# The fault matrix

Made by `make faults` from `results/faults/trials.jsonl`; do not edit. Each fault goes through the
whole stack: emulated arm, real `ur_rtde`, all processes, a bag that is recorded. It comes at a
random moment of a motion. The arm is watched by the emulator's own trace, every tick, which no
fault touches; the stack's word counts only for the reason that it names.

Bars: no limit of the monitor is ever exceeded; the arm stands (every joint below 0.01 rad/s)
within 150 ms of the detection and the ramp; the first reason that is named is the right one; from
the stop until the next goal no joint moves by more than 0.001 rad; the controller can be reset or
started again and goes home; no tick is missing in the middle of the bag; no process and no shared
memory is left.

Times are the worst of the trials. A trial that fails while the machine kept the emulated arm
itself waiting for more than 12 ms, as no real one is, says nothing and is done again, at most
twice. A push that is stronger than the drives is not in the table: no software holds an arm
against it.
"""
_HEADER = (
    '| fault | what is done | must | trials | detected [s] | stands [s] | bar [s] | reason '
    '| beyond a limit | passed |\n'
    '| --- | --- | --- | ---: | ---: | ---: | ---: | --- | --- | --- |\n'
)


def page(results: Sequence[Result]) -> str:
    """Return the page."""
    parts = [_INTRODUCTION, f'\n{summary(results)}\n']
    for group, heading in GROUPS.items():
        rows = [
            _row(case.name, case.what, COMES[case.come], _of(case.name, results))
            for case in CASES if case.group == group and _of(case.name, results)
        ]
        if rows:
            parts.append(f'\n## {heading}\n\n{_HEADER}{"".join(rows)}')
    failed = [result for result in results if not result.passed]
    if failed:
        lines = [f'- {r.name}, trial {r.number}: {"; ".join(r.failures)}' for r in failed]
        parts.append('\n## Bars that do not hold\n\n' + '\n'.join(lines) + '\n')
    return ''.join(parts)


def summary(results: Sequence[Result]) -> str:
    """Return one sentence on all trials."""
    names = {result.name for result in results}
    passed = sum(result.passed for result in results)
    stops = [result.stopped_s for result in results if result.stopped_s is not None]
    slowest = f', slowest stop {max(stops):.2f} s after the fault' if stops else ''
    return f'{len(names)} faults, {len(results)} trials, {passed} passed{slowest}.'


def _of(name: str, results: Iterable[Result]) -> list[Result]:
    return [result for result in results if result.name == name]


def _row(name: str, what: str, must: str, results: list[Result]) -> str:
    reasons = sorted({result.reason for result in results if result.reason})
    reason = '; '.join(_short(each) for each in reasons[:3])
    beyond = [
        f'{limit} {by:.3g}' for result in results for limit, by in result.excess.items() if by > 0
    ]
    passed = sum(result.passed for result in results)
    cells = (
        name, what, must, str(len(results)),
        _worst(result.detected_s for result in results),
        _worst(result.stopped_s for result in results),
        _worst(result.bar_s for result in results),
        reason, '; '.join(sorted(set(beyond))) or 'no', f'{passed} of {len(results)}',
    )
    return '| ' + ' | '.join(cell.replace('|', '/') for cell in cells) + ' |\n'


def _short(text: str) -> str:
    return text if len(text) <= 90 else text[:87] + '...'


def _worst(times_s: Iterable[float | None]) -> str:
    known = [time_s for time_s in times_s if time_s is not None]
    return f'{max(known):.2f}' if known else ''
