"""Print what a broken symmetry costs beside what arXiv 2512.00915 says that it may cost.

Over random MDPs with a cyclic group and over grid worlds with quarter turns: the one-step
Bellman error beside Lemma 1, max |Q*_N - Q*_E| beside Proposition 1, and max |Q*_H - Q*_N| beside
Corollary 1 for several gates; and what is left if an invariant head must share one value among
all pairs of an orbit at which the gate is closed ('Tied head', perl_core/tabular/tied.py). The
last line is JSON. Exit code 1 if a bound is violated, 2 for bad input.
"""

import argparse
from collections.abc import Iterator, Sequence
import json
import sys

import numpy as np
from perl_core.errors import PerlError
from perl_core.tabular.gridworld import GridWorld, quarter_turns, scattered_obstacles
from perl_core.tabular.group_action import GroupAction
from perl_core.tabular.mdp import FiniteMDP
from perl_core.tabular.random_mdp import broken_mdp, random_cyclic_action, random_mdp
from perl_core.tabular.report import Comparison, compare
from rich.console import Console
from rich.table import Table

_FRACTIONS = (0.0, 0.1, 1.0)
"""Broken fractions of the random MDPs: none, some, all pairs."""
_STOCHASTIC_SLIP = 0.2
_TABLE_WIDTH = 140
World = tuple[str, FiniteMDP, GroupAction]


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(
        prog='python -m perl_core.tabular',
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2],
                        help='one random MDP and one layout of each kind for each seed')
    parser.add_argument('--discount', type=float, default=0.95,
                        help='gamma of every MDP, in [0, 1)')
    parser.add_argument('--states', type=int, default=20, help='states of the random MDPs')
    parser.add_argument('--actions', type=int, default=4, help='actions of the random MDPs')
    parser.add_argument('--order', type=int, default=4,
                        help='order of the cyclic group on the random MDPs')
    parser.add_argument('--grid-size', type=int, default=11,
                        help='cells along an edge of the grid world, odd')
    parser.add_argument('--obstacles', type=int, nargs='+', default=[0, 10, 20, 30, 40],
                        help='obstacle counts; the last one also makes the stochastic world '
                             f'(slip {_STOCHASTIC_SLIP}) and the one with penalties instead')
    return parser.parse_args(argv)  # fmt: skip


def worlds(options: argparse.Namespace, rng: np.random.Generator) -> Iterator[World]:
    """Yield each world of one seed: its name, the true MDP and the group."""
    for fraction in _FRACTIONS:
        mdp = random_mdp(options.states, options.actions, options.discount, rng)
        action = random_cyclic_action(options.states, options.actions, options.order, rng)
        yield f'random, {fraction:.0%} broken', broken_mdp(mdp, action, fraction, rng), action
    size, discount = options.grid_size, options.discount
    turns = quarter_turns(size)
    for count in options.obstacles:
        drawn = scattered_obstacles(size, count, rng)
        world = GridWorld(size=size, obstacles=drawn, discount=discount)
        yield f'grid, {count} obstacles', world.mdp(), turns
    last = options.obstacles[-1]
    drawn = scattered_obstacles(size, last, rng)
    world = GridWorld(
        size=size, obstacles=drawn, discount=discount, slip_probability=_STOCHASTIC_SLIP
    )
    yield f'grid, {last} obstacles, slip {_STOCHASTIC_SLIP}', world.mdp(), turns
    world = GridWorld(size=size, penalties=drawn, discount=discount)
    yield f'grid, {last} penalties', world.mdp(), turns


def summary(world: str, found: list[Comparison]) -> dict[str, str | float | bool]:
    """Return one row: the means over seeds, and the largest error relative to its bound."""
    tightness = [
        one.error / one.bound_span for one in found if one.bound_span > one.slack
    ]  # fmt: skip
    return {
        'world': world,
        'statement': found[0].statement,
        'gate': found[0].gate,
        'error': float(np.mean([one.error for one in found])),
        'bound_limit': float(np.mean([one.bound_limit for one in found])),
        'bound_value': float(np.mean([one.bound_value for one in found])),
        'bound_span': float(np.mean([one.bound_span for one in found])),
        'tightness': max(tightness, default=0.0),
        'holds': all(one.holds for one in found),
    }


def all_rows(options: argparse.Namespace) -> list[dict[str, str | float | bool]]:
    """Return every row of the table."""
    found: dict[tuple[str, str, str], list[Comparison]] = {}
    for seed in options.seeds:
        rng = np.random.default_rng(seed)
        for name, mdp, action in worlds(options, rng):
            for one in compare(mdp, action, rng):
                found.setdefault((name, one.statement, one.gate), []).append(one)
    return [summary(world, same) for (world, _, _), same in found.items()]


def table_of(rows: list[dict[str, str | float | bool]], seeds: list[int]) -> Table:
    """Return the rows as a table to print."""
    table = Table(
        title=f'Bound against true error, mean over seeds {seeds}',
        caption='Largest over all pairs; the bound for three V_max. '
        'error/bound: for the half span, largest over the seeds.',
    )
    for name in ('world', 'statement', 'gate'):
        table.add_column(name, no_wrap=True)
    for name in ('error', 'R_max/(1-γ)', 'max |V*|', 'half span', 'error/bound', 'holds'):
        table.add_column(name, justify='right')
    previous = None
    for row in rows:
        if previous not in (None, row['world']):
            table.add_section()
        numbers = ('error', 'bound_limit', 'bound_value', 'bound_span', 'tightness')
        table.add_row(
            '' if row['world'] == previous else str(row['world']),
            str(row['statement']), str(row['gate']),
            *(f'{row[name]:.3f}' for name in numbers),
            'yes' if row['holds'] else 'NO',
        )  # fmt: skip
        previous = row['world']
    return table


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = arguments(argv)
    try:
        rows = all_rows(options)
    except (PerlError, ValueError) as error:
        sys.stderr.write(f'{error}\n')
        return 2
    Console(width=_TABLE_WIDTH).print(table_of(rows, options.seeds))
    violated = sum(not row['holds'] for row in rows)
    sys.stdout.write(json.dumps({**vars(options), 'violated': violated, 'rows': rows}) + '\n')
    return 1 if violated else 0


if __name__ == '__main__':
    sys.exit(main())
