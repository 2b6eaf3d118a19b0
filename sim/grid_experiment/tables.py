"""The results as CSV and Markdown."""

from collections.abc import Callable, Mapping
import math

from experiment.estimates import Interval, intervals
from experiment.files import markdown, table_text
from grid_experiment.curves import Curve, final, whole
from grid_experiment.plan import AGENTS
from grid_experiment.references import Worlds, references
from grid_experiment.verdicts import Curves, agents_of, best_agents, variants_of
import numpy as np

TABLE_COLUMNS = (
    'variant', 'agent', 'seeds', 'steps',
    *(f'{name}{end}' for name in ('final_regret', 'final_score', 'mean_regret')
      for end in ('', '_low', '_high')),
    'final_q_error_mean', 'gate_open', 'gate_precision', 'gate_recall', 'seconds', 'config', 'git',
)  # fmt: skip
"""Of table.csv. final: mean of the last fifth of the evaluations; mean: over all of them. Regret
and score: interquartile mean over seeds and its 95 % bootstrap interval; the rest: means."""


def table_csv(curves: Curves) -> str:
    """Return a row for each variant and agent."""
    every = list(curves.values())
    found = {
        name: intervals([of(curve, metric) for curve in every])
        for name, of, metric in (
            ('final_regret', final, 'regret'), ('final_score', final, 'score'),
            ('mean_regret', whole, 'regret'),
        )
    }  # fmt: skip
    return table_text(TABLE_COLUMNS, [
        _row(curve, {name: of_all[place] for name, of_all in found.items()})
        for place, curve in enumerate(every)
    ])  # fmt: skip


def _row(curve: Curve, found: Mapping[str, Interval]) -> Mapping[str, object]:
    row: dict[str, object] = {
        'variant': curve.variant, 'agent': curve.agent,
        'seeds': len(curve.values['regret']), 'steps': int(curve.steps[-1]),
        'seconds': curve.seconds, 'config': curve.digest, 'git': curve.git,
    }  # fmt: skip
    for name, (mean, low, high) in found.items():
        row |= {name: mean, f'{name}_low': low, f'{name}_high': high}
    row['final_q_error_mean'] = float(final(curve, 'q_error_mean').mean())
    for name in ('gate_open', 'gate_precision', 'gate_recall'):
        row[name] = _mean(final(curve, name))
    return row


def _mean(values: np.ndarray) -> float:
    """Return the mean of what exists; NaN if nothing does."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else math.nan


def results_markdown(
    curves: Curves, worlds: Worlds, missing: list[str], sentences: list[str]
) -> str:
    """Return the page of results.

    Args:
        curves: finished runs.
        worlds: of each variant and seed, for the exact references.
        missing: names of runs that are planned and not there.
        sentences: who wins where.
    """
    parts = [
        '# Grid world: results',
        'Made by `make results` from `raw/`; do not edit. Figures: interquartile mean over seeds '
        '[95 % stratified bootstrap interval]. Regret: mean over free cells of V* minus the value '
        'of the greedy policy, both exact. Final: mean of the last fifth of the evaluations.',
        *([f'Not finished: {", ".join(missing)}.'] if missing else []),
        '## Who wins where',
        'From the intervals of differences paired by seed (one seed, one layout).',
        '\n'.join(f'- {sentence}' for sentence in sentences),
        '## Final regret',
        'Bold: least, or not told apart from the least. `Q*_E`: the exact solution of the '
        'group-averaged MDP, played greedily. Tied `Q`: the exact fixed point with the exact gate '
        'and one value for all members of an orbit at which the gate is closed, played greedily.',
        _regrets(curves, worlds),
        '## Regret over the whole training (sample efficiency)',
        _grid(curves, _intervals_of(curves, whole)),
        '## Error of Q at the end, mean |Q - Q*| over free cells',
        _grid(curves, lambda curve: f'{final(curve, "q_error_mean").mean():.3f}'),
        '## The gate at the end: precision / recall (share of pairs where it is open)',
        _gates(curves, worlds),
        '## Time of a run, all seeds [s]',
        _grid(curves, lambda curve: f'{curve.seconds:.0f}'),
    ]  # fmt: skip
    return '\n\n'.join(parts) + '\n'


def _grid(curves: Curves, shown: Callable[[Curve], str], agents: list[str] | None = None) -> str:
    variants = variants_of(curves)
    rows = [
        [agent, *(
            shown(curves[variant, agent]) if (variant, agent) in curves else ''
            for variant in variants
        )]
        for agent in agents or agents_of(curves)
    ]  # fmt: skip
    return markdown(['agent', *variants], rows)


def _intervals_of(
    curves: Curves, of: Callable[[Curve, str], np.ndarray]
) -> Callable[[Curve], str]:
    """Return a function that shows the interval of a run's regret."""
    found = intervals([of(curve, 'regret') for curve in curves.values()])
    texts = {key: str(one) for key, one in zip(curves, found, strict=True)}
    return lambda curve: texts[curve.variant, curve.agent]


def _regrets(curves: Curves, worlds: Worlds) -> str:
    best = {variant: best_agents(curves, variant) for variant in variants_of(curves)}
    text_of = _intervals_of(curves, final)

    def shown(curve: Curve) -> str:
        text = text_of(curve)
        return f'**{text}**' if curve.agent in best[curve.variant] else text

    lines = [_grid(curves, shown)]
    for name, field in (('`Q*_E`', 'equivariant_regret'), ('tied `Q`', 'tied_regret')):
        exact = map(str, intervals(
            [getattr(references(worlds[variant]), field) for variant in variants_of(curves)]
        ))  # fmt: skip
        lines.append(f'| {name}, exact | {" | ".join(exact)} |')
    return '\n'.join(lines)


def _gates(curves: Curves, worlds: Worlds) -> str:
    gated = [
        agent for agent in AGENTS if any(
            name == agent and not np.isnan(curve.values['gate_open']).all()
            for (_, name), curve in curves.items()
        )
    ]  # fmt: skip
    if not gated:
        return 'No agent has a gate.'

    def shown(curve: Curve) -> str:
        names = ('gate_precision', 'gate_recall', 'gate_open')
        texts = ['-' if math.isnan(x) else f'{x:.2f}' for x in
                 (_mean(final(curve, name)) for name in names)]  # fmt: skip
        return f'{texts[0]} / {texts[1]} ({texts[2]})'

    shares = [
        f'({references(worlds[variant]).broken_share.mean():.2f})'
        for variant in variants_of(curves)
    ]
    return _grid(curves, shown, gated) + '\n' + f'| exact eps | {" | ".join(shares)} |'
