"""Who wins where: sentences that follow from the intervals, written by nobody."""

from collections.abc import Mapping
import itertools

from experiment.estimates import Interval, interquartile_mean
from grid_experiment.curves import Curve, differences, final
from grid_experiment.plan import VARIANTS

Curves = Mapping[tuple[str, str], Curve]
CLAIMANTS = ('pe', 'pe-residual', 'pe-paper')
"""Forms of PE-DQN, of which arXiv 2512.00915 says that it is best everywhere."""
BASELINES = ('dqn', 'equivariant', 'residual', 'relaxed', 'augmented')
_COUNTED = tuple(name for name in VARIANTS if name.startswith('obstacles-'))


def agents_of(curves: Curves) -> list[str]:
    """Return the agents that have a run, in the order of the plan."""
    return list(dict.fromkeys(agent for _, agent in curves))


def variants_of(curves: Curves) -> list[str]:
    """Return the variants that have a run, in the order of the plan."""
    return list(dict.fromkeys(variant for variant, _ in curves))


def best_agents(curves: Curves, variant: str) -> list[str]:
    """Return the agent of the least final regret, and those that cannot be told from it.

    Cannot be told: the interval of the difference, paired by seed, holds zero.
    """
    runs = {agent: curve for (name, agent), curve in curves.items() if name == variant}
    first = min(runs, key=lambda agent: interquartile_mean(final(runs[agent], 'regret')))
    others = [agent for agent in runs if agent != first]
    if not others:
        return [first]
    gaps = differences([(runs[agent], runs[first]) for agent in others])
    return [first, *(a for a, gap in zip(others, gaps, strict=True) if gap.low <= 0.0)]


def verdicts(curves: Curves) -> list[str]:
    """Return one sentence for each variant, and one for each claim of the paper."""
    sentences = []
    for variant in variants_of(curves):
        first, *others = best_agents(curves, variant)
        told = f'not told apart from it: {", ".join(others)}' if others else 'all others are worse'
        if sum(name == variant for name, _ in curves) > 1:
            sentences.append(f'{variant}: least regret with {first}; {told}.')
    for claimant in CLAIMANTS:
        for claim in (_best_everywhere, _equal_to_strict, _gap_grows):
            sentences += claim(curves, claimant)
    return sentences


def _best_everywhere(curves: Curves, claimant: str) -> list[str]:
    sentences = []
    for variant in _COUNTED:
        known = [agent for agent in BASELINES if (variant, agent) in curves]
        if (variant, claimant) not in curves or not known:
            continue
        of_known = differences(
            [(curves[variant, agent], curves[variant, claimant]) for agent in known]
        )
        gaps = dict(zip(known, of_known, strict=True))
        sides = {
            word: [agent for agent, gap in gaps.items() if side(gap) == word]
            for word in ('better', 'even', 'worse')
        }
        parts = [
            f'{text} {", ".join(sides[word])}' for word, text in (
                ('worse', 'better than'), ('even', 'not told apart from'), ('better', 'worse than')
            ) if sides[word]
        ]  # fmt: skip
        holds = 'holds' if set(sides['worse']) == set(known) else 'does not hold'
        sentences.append(
            f'Claim "PE-DQN is best at each obstacle count", {variant}: {holds}; {claimant} is '
            f'{"; ".join(parts)}.'
        )
    return sentences


def side(gap: Interval) -> str:
    """Return how an agent stands to another, from the interval of their difference in regret."""
    if gap.low > 0.0:
        return 'worse'
    return 'better' if gap.high < 0.0 else 'even'


def _equal_to_strict(curves: Curves, claimant: str) -> list[str]:
    pair = [curves.get(('obstacles-0', agent)) for agent in ('equivariant', claimant)]
    if pair[0] is None or pair[1] is None:
        return []
    (gap,) = differences([(pair[0], pair[1])])
    holds = 'holds' if side(gap) == 'even' else 'does not hold'
    return [
        f'Claim "equal to strict equivariance without obstacles": {holds}; regret of equivariant '
        f'minus {claimant}: {gap}.'
    ]


def _gap_grows(curves: Curves, claimant: str) -> list[str]:
    known = {
        agent: [(curves[name, agent], curves[name, claimant]) for name in _COUNTED
                if (name, agent) in curves and (name, claimant) in curves]
        for agent in BASELINES
    }  # fmt: skip
    pairs = [pair for of_agent in known.values() for pair in of_agent]
    found = iter(differences(pairs) if pairs else [])
    sentences = []
    for agent, of_agent in known.items():
        gaps = list(itertools.islice(found, len(of_agent)))
        if len(gaps) < 2:
            continue
        grows = all(a.mean <= b.mean for a, b in itertools.pairwise(gaps))
        clear = gaps[-1].low > gaps[0].high
        word = 'grows' if clear and grows else 'grows, with setbacks' if clear else 'does not grow'
        sentences.append(
            f'Claim "the gap grows with the obstacles", against {agent}: it {word}; regret of '
            f'{agent} minus {claimant}: {", ".join(f"{gap.mean + 0.0:.3f}" for gap in gaps)}.'
        )
    return sentences
