"""Reading a scenario: a YAML file of faults with the times at which they begin.

faults:
  - at_s: 5.0            # seconds of controller time since the start
    fault: freeze_stream
    for_s: 0.5
"""

from pathlib import Path
from typing import Any

from perl_core.errors import ConfigError
from perl_core.fields import Fields
from perl_sim.ur_controller.fault_parameters import MAX_S
from perl_sim.ur_controller.fault_schedule import Fault, make_fault
from perl_sim.ur_controller.yaml_file import read_yaml


def load_scenario(path: str | Path) -> tuple[Fault, ...]:
    """Return the faults of a scenario file, in the order of the file.

    Raises:
        ConfigError: it cannot be read, or a fault in it cannot be.
    """
    return scenario_from_data(read_yaml(path, 'the scenario'), str(path))


def scenario_from_data(data: object, source: str) -> tuple[Fault, ...]:
    """Return the faults of a scenario that was parsed already.

    Args:
        data: a mapping with the list ``faults``.
        source: where it comes from, for messages.

    Raises:
        ConfigError: a fault cannot be.
    """
    Fields(data, source, ('faults',), ConfigError)
    entries = data['faults']  # type: ignore[index]  # Fields refuses all but a mapping.
    if not isinstance(entries, list):
        raise ConfigError(f'{source}: faults is a list; got {type(entries).__name__}')
    return tuple(_fault(entry, f'{source}: fault {number}')
                 for number, entry in enumerate(entries, start=1))


def _fault(entry: object, source: str) -> Fault:
    if not isinstance(entry, dict):
        raise ConfigError(
            f'{source}: expected at_s, fault and its parameters; got {type(entry).__name__}')
    arguments: dict[Any, Any] = dict(entry)
    name = arguments.pop('fault', None)
    at = {'at_s': arguments.pop('at_s', None)}
    at_s = Fields(at, source, at, ConfigError).number('at_s', 0.0, MAX_S)
    return make_fault(name, arguments, source, at_s)
