"""Raw figures of the trials: one JSON object a line, so that a run can be continued."""

import dataclasses
import json
from pathlib import Path

from fault_matrix.trial import Result
from perl_core.errors import ConfigError


def append(path: Path, result: Result, folder: Path) -> None:
    """Write one result.

    Args:
        path: of the raw figures.
        result: of one trial.
        folder: of this run; the reasons that name files in it shall be the same everywhere.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(dataclasses.asdict(result)).replace(str(folder), '.')
    with path.open('a', encoding='utf-8') as file:
        file.write(line + '\n')


def read(path: Path) -> list[Result]:
    """Return the results in a file, none if it is not there.

    Raises:
        ConfigError: it holds something else.
    """
    if not path.exists():
        return []
    try:
        lines = path.read_text(encoding='utf-8').splitlines()
        return [Result(**json.loads(line)) for line in lines]
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f'{path} holds something else than results of trials ({error}); delete it, or give '
            'another --output'
        ) from error
