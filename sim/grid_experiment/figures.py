"""The results as pictures."""

from collections.abc import Mapping, Sequence
import csv
from pathlib import Path

from experiment.estimates import interquartile_mean, interval, intervals
from experiment.pictures import COLOURS, panels, with_legend
from grid_experiment.curves import Curve, final
from grid_experiment.measures import truth_of
from grid_experiment.plan import AGENTS
from grid_experiment.references import Worlds, references
from grid_experiment.verdicts import BASELINES, CLAIMANTS, Curves, agents_of, variants_of
from matplotlib.axes import Axes
from matplotlib.figure import Figure
import numpy as np
from perl_core.tabular import GridWorld
from perl_core.tabular.gridworld import MOVES
from perl_sim.envs.grid_picture import Picture

MAIN = (*BASELINES, *CLAIMANTS)


def colour(agent: str) -> str:
    """Return the agent's colour, the same in every figure."""
    return COLOURS[list(AGENTS).index(agent) % len(COLOURS)]


def learning_curves(curves: Curves, agents: Sequence[str]) -> Figure:
    """Return regret over environment steps, a panel for each variant."""
    variants = variants_of(curves)
    figure, axes = panels((len(variants) + 3) // 4, 4, 3.2, 2.6, sharex=True)
    for axis, variant in zip(axes, variants, strict=False):
        shown = [curves[variant, agent] for agent in agents if (variant, agent) in curves]
        for curve, (mean, low, high) in zip(shown, _bands(shown), strict=True):
            thousands, of_agent = curve.steps / 1000, colour(curve.agent)
            axis.plot(thousands, mean, color=of_agent, label=curve.agent, lw=1.4)
            axis.fill_between(thousands, low, high, color=of_agent, alpha=0.15, lw=0)
        axis.set(title=variant, ylim=(-0.02, None))
    for axis in axes[len(variants):]:
        axis.axis('off')
    figure.supxlabel('environment steps of each seed [1000]')
    figure.supylabel('regret, interquartile mean and 95 % interval')
    return with_legend(figure, axes)


def _bands(curves: Sequence[Curve]) -> list[np.ndarray]:
    """Return mean, low and high of each curve's regret, each of shape (3, E)."""
    if not curves:
        return []
    found = intervals([column for curve in curves for column in curve.values['regret'].T])
    ends = np.cumsum([len(curve.steps) for curve in curves])[:-1]
    return np.split(np.array(found).T, ends, axis=1)


def final_intervals(curves: Curves) -> Figure:
    """Return final regret of every agent, a panel for each variant and one for all together."""
    variants, agents = variants_of(curves), agents_of(curves)
    everywhere = [a for a in agents if all((variant, a) in curves for variant in variants)]
    figure, axes = panels((len(variants) + 4) // 4, 4, 3.2, 2.9, sharey=True)
    stacks = {'all variants': {
        agent: np.stack([final(curves[name, agent], 'regret') for name in variants], axis=1)
        for agent in everywhere
    }}  # fmt: skip
    for variant in variants:
        stacks[variant] = {
            agent: final(curves[variant, agent], 'regret')
            for agent in agents if (variant, agent) in curves
        }  # fmt: skip
    for axis, (title, of_agent) in zip(axes, stacks.items(), strict=False):
        found = (
            intervals(list(of_agent.values())) if title in variants
            else [interval(values) for values in of_agent.values()]
        )  # fmt: skip
        for agent, (mean, low, high) in zip(of_agent, found, strict=True):
            place = len(agents) - agents.index(agent)
            axis.plot(
                [low, high], [place] * 2, color=colour(agent), lw=7, alpha=0.35,
                solid_capstyle='butt',
            )  # fmt: skip
            axis.plot([mean], [place], '|', color=colour(agent), ms=12, mew=2)
        axis.set(title=title, yticks=range(len(agents), 0, -1), yticklabels=agents)
    for axis in axes[len(stacks):]:
        axis.axis('off')
    figure.supxlabel('final regret, interquartile mean and 95 % interval')
    return figure


def over_obstacles(curves: Curves, worlds: Worlds) -> Figure:
    """Return final regret over the number of obstacles, and the difference to PE-DQN."""
    counted = [name for name in variants_of(curves) if name.startswith('obstacles-')]
    figure, axes = panels(1, 2, 5.0, 3.4)
    first = CLAIMANTS[0]
    for agent in MAIN:
        known = [name for name in counted if (name, agent) in curves]
        _line(axes[0], agent, {name: final(curves[name, agent], 'regret') for name in known})
        if agent != first:
            _line(axes[1], agent, {
                name: final(curves[name, agent], 'regret')
                - final(curves[name, first], 'regret')
                for name in known if (name, first) in curves
            })  # fmt: skip
    for field, style, label in (
        ('equivariant_regret', 'k:', 'Q*_E, exact'), ('tied_regret', 'k--', 'tied Q, exact'),
    ):  # fmt: skip
        exact = [
            interquartile_mean(getattr(references(worlds[name]), field)) for name in counted
        ]
        axes[0].plot([_count(name) for name in counted], exact, style, lw=1, label=label)
    axes[1].axhline(0.0, color='k', lw=0.8)
    axes[0].set(title='final regret', xlabel='obstacles', ylabel='regret')
    axes[1].set(title=f'regret minus that of {first}, paired by seed', xlabel='obstacles')
    return with_legend(figure, axes)


def _count(variant: str) -> int:
    return int(variant.rsplit('-', 1)[1])


def _line(axis: Axes, agent: str, values: Mapping[str, np.ndarray]) -> None:
    if not values:
        return
    found = np.array(intervals(list(values.values())))
    # A little apart, so that bars that agree do not hide each other.
    shift = 0.25 * (MAIN.index(agent) - len(MAIN) / 2)
    counts = np.array([_count(name) for name in values]) + shift
    ends = np.abs(found[:, 1:].T - found[:, 0])
    axis.errorbar(
        counts, found[:, 0], ends, color=colour(agent), label=agent, marker='o', ms=3.5, lw=1.4,
        capsize=2,
    )  # fmt: skip


def gate_quality(curves: Curves) -> Figure:
    """Return precision and recall of each learned gate over the variants."""
    variants = variants_of(curves)
    figure, axes = panels(1, 2, 5.0, 3.2, sharey=True)
    for agent in agents_of(curves):
        for axis, metric in zip(axes, ('gate_precision', 'gate_recall'), strict=True):
            found = [_middle(curves.get((variant, agent)), metric) for variant in variants]
            if not np.isnan(found).all():
                axis.plot(found, 'o-', color=colour(agent), label=agent, ms=4, lw=1.2)
            axis.set(title=metric.replace('_', ' '), xticks=range(len(variants)), ylim=(0, 1.05))
            axis.set_xticklabels(variants, rotation=30, ha='right')
    return with_legend(figure, axes)


def _middle(curve: Curve | None, metric: str) -> float:
    values = np.full(1, np.nan) if curve is None else final(curve, metric)
    known = values[~np.isnan(values)]
    return float(np.mean(known)) if len(known) else np.nan


def gate_maps(folder: Path, variant: str, world: GridWorld) -> Figure | None:
    """Return the first seed's world with the exact eps and with each agent's final gate."""
    gates = {
        agent: read_gate(folder / f'{variant}--{agent}.gate.csv') for agent in AGENTS
        if (folder / f'{variant}--{agent}.gate.csv').exists()
    }  # fmt: skip
    if not gates:
        return None
    truth = truth_of(world)
    shown = {'exact eps': truth.broken.astype(float), **gates}
    figure, axes = panels((len(shown) + 3) // 4, 4, 2.8, 3.0)
    for axis, (title, overlay) in zip(axes, shown.items(), strict=False):
        picture = Picture(world)
        picture.draw_overlay(overlay)
        axis.imshow(picture.pixels(), interpolation='antialiased')
        axis.set_title(title)
    for axis in axes:
        axis.axis('off')
    return figure


def read_gate(path: Path) -> np.ndarray:
    """Return the gate of the first seed from its CSV, shape (S, A)."""
    with path.open(encoding='utf-8', newline='') as file:
        values = [float(row['gate']) for row in csv.DictReader(file)]
    return np.array(values).reshape(-1, len(MOVES))
