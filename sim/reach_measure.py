"""Measure what needs no learning: where the symmetries hold, and how the resolved rate fares.

Writes raw figures beside those of sim/reach_learning.py; `make results` shows them.
"""

import dataclasses
import json
from pathlib import Path
import sys
from typing import get_args

from experiment.files import replace_text
from experiment.runs import present_origin
from perl_core.errors import PerlError
from perl_sim.envs.reach_config import TaskName
from reach_experiment.baseline import write_baseline
from reach_experiment.symmetry_map import MAPS, map_file, write_map
from rich.console import Console
from rich.progress import track
import tyro


@dataclasses.dataclass(frozen=True, kw_only=True)
class Args:
    """How much, and where."""

    output: Path = Path('results/reach/raw')
    """Folder of the figures."""
    states: int = 1500
    """States of each map of the symmetry error."""
    goals: int = 200
    """Test goals of the resolved-rate controller."""


def main(args: Args) -> None:
    """Measure everything, about ten minutes of one core."""
    args.output.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True)
    for name, group in track(MAPS, description='symmetry', console=console):
        write_map(map_file(args.output, name, group), name, group, args.states)
    for name in track(get_args(TaskName), description='resolved rate', console=console):
        write_baseline(args.output, name, args.goals)
    text = json.dumps(present_origin()._asdict(), indent=1) + '\n'
    replace_text(args.output / 'measured.json', text)


if __name__ == '__main__':
    try:
        main(tyro.cli(Args))
    except PerlError as error:
        sys.exit(f'error: {error}')
