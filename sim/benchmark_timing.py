"""Measure steps of several programs in turns, for benchmarks that compare.

Time is CPU time of the thread, so that other programs on the machine count as little as can be.
"""

from collections.abc import Callable, Mapping
import math
import random
import time

Step = Callable[[], object]


def measure(
    steps: Mapping[str, Step],
    warm_up: int,
    rounds: int,
    seed: int,
    after_round: Callable[[], object] = lambda: None,
) -> dict[str, list[float]]:
    """Return the CPU seconds of each step in each round; the order changes from round to round.

    Args:
        steps: by name.
        warm_up: rounds before, not measured.
        rounds: that are measured.
        seed: of the orders.
        after_round: called after each, to show progress.
    """
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    order, shuffle = list(steps), random.Random(seed)
    for number in range(warm_up + rounds):
        shuffle.shuffle(order)
        for name in order:
            began = time.thread_time()
            steps[name]()
            if number >= warm_up:
                seconds[name].append(time.thread_time() - began)
        after_round()
    return seconds


def median_and_interval(values: list[float]) -> tuple[float, float, float]:
    """Return the median and its 95 % interval, by ranks."""
    ordered, count = sorted(values), len(values)
    reach = 0.98 * math.sqrt(count)
    low, high = max(0, math.floor(count / 2 - reach)), min(count - 1, math.ceil(count / 2 + reach))
    return ordered[count // 2], ordered[low], ordered[high]


def ratio_and_interval(over: list[float], under: list[float]) -> tuple[float, float, float]:
    """Return the median ratio of two programs in the same rounds, and its 95 % interval."""
    return median_and_interval([one / two for one, two in zip(over, under, strict=True)])
