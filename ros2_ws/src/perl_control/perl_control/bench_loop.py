"""``python -m perl_control.bench_loop``: the control loop at 500 Hz against its bars.

The real process through the real ur_rtde moves the emulated arm from goal to goal under the
shipped policy and the safety filter. Beside it, 0.5 ms later, a bare loop sleeps to absolute
deadlines with the same rights: both meet the same machine at the same time, and neither waits for
the other. Run it alone; Ctrl-C ends it early and still judges what there is.
"""

import argparse
import json
from pathlib import Path
import sys
from typing import Any, NamedTuple

import numpy as np
from perl_core.errors import PerlError

from perl_control.bench_run import Measured, Plan, measure
from perl_control.states import State

MOST_LATENESS = 1.5
"""p99 of the control loop's lateness over that of the bare loop."""
MOST_WORK_US = {50: 200.0, 99: 500.0}
"""State to command with policy, gate and filter, by percentile."""
MOST_FILTER_US = 250.0
"""p99 of the safety filter alone."""
MOST_GROWTH_KIB = 1024.0
"""Resident memory of the last third over that of the second third."""
DEFAULT_ADDRESS = '127.0.0.97'
STATE_AGES_MS = (10, 20, 50, 100)
"""Where one warns, may hold, does hold, and stops."""
_LEAST_TICKS = 500


class Bar(NamedTuple):
    """One figure and its limit."""

    name: str
    """What it is."""
    came: float
    """What was measured."""
    most: float
    """What is allowed."""

    @property
    def ok(self) -> bool:
        """Whether the bar is held."""
        return self.came <= self.most


def figures_of(measured: Measured) -> dict[str, Any]:
    """Return the figures of a run."""
    records, memory = measured.records, measured.memory_kib
    deciding = records[records['policy_ran']]
    _, middle, last = np.array_split(memory, 3)
    grown_kib = np.median(last) - np.median(middle) if len(last) else 0.0
    return {
        'ticks': len(records),
        'moving_share': float((records['state'] == State.MOVING).mean()),
        'lateness_us': _quantiles(records['lateness_us']),
        'bare_lateness_us': _quantiles(measured.bare_us),
        'work_us': _quantiles(records['work_us']),
        'work_deciding_us': _quantiles(deciding['work_us']),
        'inference_us': _quantiles(deciding['inference_us']),
        'filter_us': _quantiles(records['filter_us']),
        'state_age_us': _quantiles(records['state_age_us']),
        'old_states': {
            f'{age_ms} ms': int((records['state_age_us'] > 1e3 * age_ms).sum())
            for age_ms in STATE_AGES_MS
        },
        'overruns': int(records['overruns'][-1] - records['overruns'][0]),
        'skipped': int(records['skipped'][-1] - records['skipped'][0]),
        'policy_misses': int(records['policy_misses'][-1] - records['policy_misses'][0]),
        'stops': int(records['stops'][-1]),
        'stop_reasons': records['reasons'][-1].decode() if records['stops'][-1] else '',
        'telemetry_lost': measured.lost,
        'memory_kib': int(memory[-1]),
        'memory_growth_kib': float(grown_kib),
        'cyclictest': measured.cyclictest.strip(),
    }


def bars_of(figures: dict[str, Any]) -> list[Bar]:
    """Return every bar."""
    most_us = MOST_LATENESS * figures['bare_lateness_us']['p99']
    return [
        Bar('p99 lateness [us]', figures['lateness_us']['p99'], most_us),
        *(Bar(f'p{percent} work of a tick [us]', figures['work_us'][f'p{percent}'], most)
          for percent, most in MOST_WORK_US.items()),
        Bar('p99 safety filter [us]', figures['filter_us']['p99'], MOST_FILTER_US),
        Bar('growth of memory [KiB]', figures['memory_growth_kib'], MOST_GROWTH_KIB),
        Bar('stops', figures['stops'], 0.0),
    ]


def _quantiles(values: np.ndarray) -> dict[str, float]:
    percents = (50, 90, 99, 99.9, 100)
    names = ('p50', 'p90', 'p99', 'p99.9', 'max')
    return dict(zip(names, np.percentile(values, percents).round(1).tolist(), strict=True))


def _table(figures: dict[str, Any], bars: list[Bar]) -> str:
    lines = [f'{"[us]":24}' + ''.join(f'{name:>9}' for name in figures['work_us'])]
    for name, text in (
        ('lateness_us', 'lateness'), ('bare_lateness_us', 'lateness of a bare loop'),
        ('work_us', 'work of a tick'), ('work_deciding_us', '  with policy and gate'),
        ('inference_us', '  policy and gate alone'), ('filter_us', '  safety filter alone'),
        ('state_age_us', 'age of the state used'),
    ):
        lines.append(f'{text:24}' + ''.join(f'{value:9.0f}' for value in figures[name].values()))
    lines.append(
        f'{figures["ticks"]} ticks, {100 * figures["moving_share"]:.0f} % of them moving; '
        f'{figures["overruns"]} overruns, {figures["skipped"]} skipped, '
        f'{figures["policy_misses"]} policy misses, {figures["memory_kib"] / 1024:.0f} MiB'
    )
    old = ', '.join(f'{count} older than {age}' for age, count in figures['old_states'].items())
    lines.append(f'states used: {old}')
    if figures['stops']:
        lines.append(f'stopped: {figures["stop_reasons"]}')
    lines.append(f'cyclictest: {figures["cyclictest"] or "not installed"}')
    for bar in bars:
        verdict = 'ok  ' if bar.ok else 'MISS'
        lines.append(f'{verdict} {bar.name}: {bar.came:.0f}, at most {bar.most:.0f}')
    return '\n'.join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Run the bench; return 0 if every bar is held, 1 if not, 2 if it could not run."""
    parser = argparse.ArgumentParser(prog='python -m perl_control.bench_loop', description=__doc__)
    parser.add_argument('--bundle', default='policies/ur5e_reach', help='folder of the policy')
    parser.add_argument('--address', default=DEFAULT_ADDRESS, help='loopback, for the emulator')
    parser.add_argument('--seconds', type=float, default=60.0)
    parser.add_argument('--priority', type=int, default=60, help='SCHED_FIFO of both loops')
    parser.add_argument('--cpu', type=int, default=-1, help='processor of both loops; -1: any')
    parser.add_argument('--json', type=Path, help='write the figures to this file too')
    options = parser.parse_args(arguments)
    plan = Plan(
        options.address, options.bundle, options.seconds, options.priority, options.cpu
    )
    try:
        measured = measure(plan)
        if len(measured.records) < _LEAST_TICKS or not len(measured.bare_us):
            raise PerlError(f'too short a run to judge: {len(measured.records)} ticks')
    except PerlError as error:
        sys.stderr.write(f'bench_loop: {error}\n')
        return 2
    figures = figures_of(measured)
    bars = bars_of(figures)
    figures['ok'] = all(bar.ok for bar in bars)
    line = json.dumps(figures)
    sys.stdout.write(f'{_table(figures, bars)}\n{line}\n')
    if options.json:
        options.json.write_text(line + '\n', encoding='utf-8')
    return 0 if figures['ok'] else 1


if __name__ == '__main__':
    sys.exit(main())
