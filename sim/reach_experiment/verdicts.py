"""Who wins where: sentences that follow from the figures, written by nobody."""

from collections.abc import Mapping

from experiment.estimates import Interval, interquartile_mean, intervals
import numpy as np
from reach_experiment.agents import MAIN
from reach_experiment.baseline import Baseline
from reach_experiment.curves import Curve, Curves, final, middle_steps_to, whole

Baselines = Mapping[str, Baseline]
"""The resolved-rate controller by task."""
LEAST_SEEDS = 3
"""Fewer seeds say nothing; no verdict is passed on them."""
AIMED_FACTOR = 5.0
"""PE-SAC is to reach 90 % in at most this part of SAC's steps."""


def trials_of(curves: Curves, task: str) -> list[str]:
    """Return the trials of a task that have a run, in the order of the experiment."""
    return [trial for name, trial in curves if name == task]


def tasks_of(curves: Curves) -> list[str]:
    """Return the tasks that have a run."""
    return list(dict.fromkeys(task for task, _ in curves))


def paired(first: Curve, second: Curve, measure: str = 'success') -> tuple[np.ndarray, ...]:
    """Return a measure of both at the end, for the seeds that both have."""
    both = sorted(set(first.seeds) & set(second.seeds))
    return tuple(
        final(one, measure)[[one.seeds.index(seed) for seed in both]] for one in (first, second)
    )


def gap(first: Curve, second: Curve) -> Interval | None:
    """Return the difference of final success, paired by seed; None with too few seeds."""
    one, other = paired(first, second)
    return intervals([one - other])[0] if len(one) >= LEAST_SEEDS else None


def judged(found: Interval | None) -> str:
    """Return how the first stands to the second."""
    if found is None:
        return 'cannot be compared yet'
    if found.low > 0.0:
        return 'better'
    return 'worse' if found.high < 0.0 else 'not told apart'


def verdicts(curves: Curves, baselines: Baselines) -> list[str]:
    """Return what the figures say, task by task."""
    sentences = []
    for task in tasks_of(curves):
        main = {t: curves[task, t] for t in trials_of(curves, task) if t in MAIN}
        sentences += _winners(task, main) + _against(task, main, baselines.get(task))
        sentences += _speed(task, main)
    return sentences


def _winners(task: str, main: Mapping[str, Curve]) -> list[str]:
    complete = {t: curve for t, curve in main.items() if len(curve.seeds) >= LEAST_SEEDS}
    if len(complete) < 2:
        return []
    sentences = []
    for words, of in (('final success', final), ('success over the whole training', whole)):
        middles = {t: interquartile_mean(of(c, 'success')) for t, c in complete.items()}
        best = max(middles, key=lambda trial: middles[trial])
        if not middles[best] > 0.0:
            return [f'{task}: no agent reaches a goal in {complete[best].steps[-1]} steps.']
        told = '' if of is whole else _even_with(complete, best)
        sentences.append(f'{task}: highest {words} with {best} ({middles[best]:.2f}){told}.')
    return sentences


def _even_with(complete: Mapping[str, Curve], best: str) -> str:
    even = [
        trial for trial, curve in complete.items()
        if trial != best and judged(gap(complete[best], curve)) == 'not told apart'
    ]  # fmt: skip
    return f'; not told apart from it: {", ".join(even)}' if even else '; all others are worse'


def _against(task: str, main: Mapping[str, Curve], baseline: Baseline | None) -> list[str]:
    if 'pe' not in main:
        return []
    pe, sentences = main['pe'], []
    for rival in ('sac', 'equivariant'):
        if rival in main:
            found = gap(pe, main[rival])
            shown = f' ({found})' if found is not None else ''
            sentences.append(f'{task}: pe against {rival} at the end: {judged(found)}{shown}.')
    if baseline is not None and len(pe.seeds) >= LEAST_SEEDS:
        (found,) = intervals([final(pe, 'success') - baseline.success])
        sentences.append(
            f'{task}: pe against the resolved rate ({baseline.success:.2f}): {judged(found)} '
            f'({found}).'
        )
    return sentences


def _speed(task: str, main: Mapping[str, Curve]) -> list[str]:
    if not {'pe', 'sac'} <= set(main) or len(main['pe'].seeds) < LEAST_SEEDS:
        return []
    mine, other = (middle_steps_to(main[name], 0.9) for name in ('pe', 'sac'))
    if np.isinf(mine):
        return [f'{task}: pe does not reach 90 % in {main["pe"].steps[-1]} steps (median seed).']
    at_least = np.isinf(other)
    factor = (main['sac'].steps[-1] if at_least else other) / mine
    word = 'more than ' if at_least else ''
    aim = 'met' if factor >= AIMED_FACTOR else 'not shown' if at_least else 'not met'
    return [
        f'{task}: pe reaches 90 % after {mine:.0f} steps, sac needs {word}{factor:.1f} times as '
        f'many (median seeds); the aim of {AIMED_FACTOR:.0f} is {aim}.'
    ]
