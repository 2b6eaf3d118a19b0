"""The files of a reach run: its curve as CSV, what made it, and a folder while it learns.

The curve and its description go to the folder of raw figures; checkpoints, TensorBoard and the
evaluations as they come go to a folder of the run, as ``sim/train.py`` keeps it.
"""

import json
from pathlib import Path
import shutil
from typing import Any

from experiment import files
from experiment.files import replace_text, table_text
from reach_experiment.plan import ReachRun

MEASURES = (
    'success', 'reward_mean', 'position_error_median_m', 'position_error_p90_m',
    'rotation_error_median_rad', 'rotation_error_p90_rad', 'time_median_s', 'terminated_share',
    'standard_share', 'gate_mean', 'temperature', 'seconds',
)  # fmt: skip
"""Of an evaluation on the validation goals; see ``perl_core.evaluation.summarise``. ``seconds``:
since the start of the run, evaluations included."""
COLUMNS = ('task', 'trial', 'seed', 'step', *MEASURES, 'config', 'git')
"""Of the CSV; ``config`` is the digest of the configuration in the JSON file."""


class ReachRunFiles(files.RunFiles):
    """The files of one run."""

    def __init__(self, raw: Path, runs: Path, run: ReachRun) -> None:
        """Name them; nothing is written yet.

        Args:
            raw: folder of figures.
            runs: folder of run folders.
            run: whose they are.
        """
        super().__init__(raw, run, COLUMNS)
        self._run, self.working = run, runs / run.name
        self._evaluations = self.working / 'evaluations.jsonl'
        self.gate_map = self.path('.gate.csv')

    def evaluations(self) -> list[dict[str, Any]]:
        """Return the evaluations so far, each step once: a resumed run measures some again."""
        if not self._evaluations.exists():
            return []
        of_step = {}
        for line in self._evaluations.read_text(encoding='utf-8').splitlines():
            # The last line of a process that was killed may be cut off.
            if line.endswith('}'):
                found = json.loads(line)
                of_step[found['step']] = found
        return [of_step[step] for step in sorted(of_step)]

    def steps_done(self) -> int:
        """Return the step of the last evaluation, to show progress; 0 if there is none."""
        if self.curve.exists():
            return super().steps_done()
        return max((found['step'] for found in self.evaluations()), default=0)

    def write_curve(self, git: str) -> None:
        """Write the CSV of a run that has come to its end."""
        named = {'task': self._run.task, 'trial': self._run.trial, 'seed': self._run.seed,
                 'config': self._run.digest, 'git': git}  # fmt: skip
        rows = []
        for found in self.evaluations():
            measures = {name: found.get(name) for name in MEASURES}
            known = {k: float('nan') if v is None else v for k, v in measures.items()}
            rows.append(named | known | {'step': found['step']})
        replace_text(self.curve, table_text(COLUMNS, rows))

    def start_again(self) -> None:
        """Remove what is left of an attempt that has no checkpoint."""
        shutil.rmtree(self.working, ignore_errors=True)

    def tidy(self) -> None:
        """Remove the checkpoint of a finished run, with its replay buffer; keep the best."""
        for folder in self.working.glob('checkpoint-*'):
            shutil.rmtree(folder)
