"""What a person sees of the experiment at its end."""

from collections.abc import Sequence

from reach_experiment.files import ReachRunFiles
from rich.table import Table


def summary(files: Sequence[ReachRunFiles]) -> Table:
    """Return a table of how far each run is and what it reached."""
    table = Table(title='Success on the validation goals, at the last evaluation')
    table.add_column('run', min_width=32)
    for name in ('steps', 'success [%]', 'position error [mm]', 'gate open [%]', 'time [s]'):
        table.add_column(name, justify='right')
    for one in files:
        found = one.evaluations()
        if not found:
            continue
        last = found[-1]
        table.add_row(
            one.run.name, f'{last["step"]}/{one.run.steps}', f'{100.0 * last["success"]:.0f}',
            f'{1000.0 * last["position_error_median_m"]:.1f}',
            f'{100.0 * last["standard_share"]:.1f}', f'{last["seconds"]:.0f}',
        )  # fmt: skip
    return table
