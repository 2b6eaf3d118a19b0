"""Reading calibrations from ``robots/<serial>/<date>.yaml``."""

import datetime
from pathlib import Path

from perl_core.errors import CalibrationError
import yaml

from calibration.schema import Calibration, calibration_from_dict

ROBOTS_FOLDER = Path(__file__).parent / 'robots'
NOMINAL = 'nominal'


def load_calibration(path: str | Path) -> Calibration:
    """Return a calibration.

    Args:
        path: a YAML file, or the folder of a robot, whose newest file is taken.

    Raises:
        CalibrationError: there is no such file, or it does not follow the schema.
    """
    path = Path(path)
    file = newest(path) if path.is_dir() else path
    try:
        text = file.read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError) as error:
        raise CalibrationError(
            f'cannot read the calibration {file}: {error}. Known robots: {known_robots()}.'
        ) from error
    return calibration_from_dict(_parse(text, file), str(file))


def nominal_calibration() -> Calibration:
    """Return the calibration of a UR5e that was never measured."""
    return load_calibration(ROBOTS_FOLDER / NOMINAL)


def newest(folder: Path) -> Path:
    """Return the file of the latest date in a robot's folder."""
    files = {file: _day(file) for file in folder.glob('*.yaml')}
    if not files:
        raise CalibrationError(
            f'{folder} holds no calibration; expected files named <date>.yaml. '
            f'Known robots: {known_robots()}.'
        )
    return max(files, key=lambda file: files[file])


def known_robots() -> list[str]:
    """Return the serial numbers that are shipped."""
    return sorted(folder.name for folder in ROBOTS_FOLDER.iterdir() if folder.is_dir())


def _day(file: Path) -> datetime.date:
    try:
        return datetime.date.fromisoformat(file.stem)
    except ValueError as error:
        raise CalibrationError(
            f'{file} must be named by its date, as 2026-11-21.yaml.'
        ) from error


def _parse(text: str, file: Path) -> object:
    try:
        _refuse_repeated_keys(yaml.compose(text, Loader=yaml.SafeLoader), file)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise CalibrationError(f'{file} is not valid YAML: {error}') from error
    if isinstance(data, dict) and isinstance(data.get('date'), datetime.date):
        data['date'] = data['date'].isoformat()
    return data


def _refuse_repeated_keys(node: yaml.Node | None, file: Path) -> None:
    """YAML keeps the last of two equal keys without a word; a calibration must not."""
    if not isinstance(node, yaml.MappingNode):
        return
    names = [str(key.value) for key, _ in node.value]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise CalibrationError(f'{file} says {repeated} more than once; keep one of them.')
    for _, value in node.value:
        _refuse_repeated_keys(value, file)
