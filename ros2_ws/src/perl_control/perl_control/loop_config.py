"""What the control loop is told when it starts: one JSON object."""

import dataclasses
import json
from typing import Any, Literal, get_args

from perl_core.errors import ConfigError

Backend = Literal['ur', 'loopback']


@dataclasses.dataclass(frozen=True, kw_only=True)
class LoopConfig:
    """Configuration of the control loop."""

    robot_ip: str
    """Address of the controller; also names the shared memory and the lock."""
    bundle: str
    """Folder of the policy bundle."""
    bundle_keys: str = ''
    """Public keys, one of which must have signed the bundle; empty: whoever made it."""
    backend: Backend = 'ur'
    """'ur': a UR controller, real or emulated; 'loopback': an arm inside the process."""
    limits_file: str = ''
    """Safety limits; empty: the shipped ones."""
    kinematics_params_file: str = ''
    """Calibration of this arm; empty: nominal kinematics."""
    require_monitor: bool = True
    """Refuse to move, and stop, without a fresh heartbeat of the safety monitor."""
    priority: int = 60
    """SCHED_FIFO priority; 0: default scheduler."""
    shadow: bool = False
    """Let the policy run and be recorded, but send the arm nothing at all."""
    cpu: int = -1
    """Run on this processor only; -1: any."""
    black_box_folder: str = ''
    """Where the last seconds are kept after a stop; empty: nowhere."""
    parent_pid: int = 0
    """End when this parent ends; 0: nobody's child."""

    def __post_init__(self) -> None:
        """Refuse values of the wrong type or out of bounds."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            expected = str if field.name == 'backend' else field.type
            if type(value) is not expected:
                raise ConfigError(
                    f'{field.name} of the control loop must be {expected}; got {value!r}'
                )
        if self.backend not in get_args(Backend):
            raise ConfigError(
                f'backend must be one of {list(get_args(Backend))}; got {self.backend!r}'
            )
        if not 0 <= self.priority <= 99:
            raise ConfigError(f'priority must be from 0 to 99; got {self.priority}')
        if not self.robot_ip or '/' in self.robot_ip:
            raise ConfigError(f'robot_ip must be an address or host name; got {self.robot_ip!r}')

    def to_json(self) -> str:
        """Return the configuration as one line of JSON."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> 'LoopConfig':
        """Return the configuration that ``to_json`` wrote.

        Raises:
            ConfigError: it is no JSON object, or a key is missing or unknown.
        """
        try:
            data: Any = json.loads(text)
        except json.JSONDecodeError as error:
            raise ConfigError(
                f'the configuration of the control loop must be one JSON object; {error}'
            ) from error
        known = {field.name for field in dataclasses.fields(cls)}
        needed = {'robot_ip', 'bundle'}
        if not isinstance(data, dict) or not needed <= set(data) <= known:
            raise ConfigError(
                "the configuration of the control loop needs 'robot_ip' and 'bundle'; "
                f'known: {sorted(known)}; got {data!r}'
            )
        return cls(**data)
