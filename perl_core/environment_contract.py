"""The contract of any environment but the robot: how observation and action transform, as data.

Beside ``perl_core.contract``, which is the robot's. Plain data, so that a run, a checkpoint and a
bundle can say what they were made for without torch.
"""

from collections.abc import Mapping
import dataclasses
import json
from typing import Any

from perl_core.contract import Contract, fingerprint_of, require_equal_fields
from perl_core.errors import ContractError

Parts = Mapping[str, Any]
"""How each named slice transforms: as ``perl_core.symmetry.Space`` takes it, in plain data."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnvironmentContract:
    """What a policy for an environment sees and says, and what the group does to it."""

    environment: str
    """Id, or a name of your own."""
    group: str
    """As ``perl_core.symmetry.group_named`` knows it, for example 'Z2' or 'D4'."""
    observation: Parts
    """For example {'heading': 'sign', 'velocity': 'vector'}, in the order of the entries."""
    action: Parts
    """Likewise; entries within [-1, 1]."""
    scale: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """Typical magnitude of slices of the observation; networks see value / scale, and 1 is meant
    where a slice is left out."""
    observation_size: int
    """Entries of an observation."""
    action_size: int
    """Entries of an action."""

    def __post_init__(self) -> None:
        """Keep plain JSON types, so that a contract is equal to the one read back."""
        for name in ('observation', 'action', 'scale'):
            try:
                plain = json.loads(json.dumps(getattr(self, name)))
            except TypeError as error:
                raise ContractError(
                    f'{name} must be described in words, lists and numbers: {error}'
                ) from error
            object.__setattr__(self, name, plain)
        unknown = set(self.scale) - set(self.observation)
        if unknown or not all(value > 0 for value in self.scale.values()):
            raise ContractError(
                f'scale gives positive numbers for slices of the observation, '
                f'{list(self.observation)}; got {self.scale}'
            )

    @property
    def seen_size(self) -> int:
        """The equivariant branch sees everything: all of it is described."""
        return self.observation_size

    def to_dict(self) -> dict[str, Any]:
        """Return the contract as plain JSON types."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> 'EnvironmentContract':
        """Return the contract that ``to_dict`` described.

        Raises:
            ContractError: a field is missing, unknown, or of the wrong type.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        if set(data) != known:
            raise ContractError(
                f'the contract of an environment has the fields {sorted(known)}; '
                f'missing: {sorted(known - set(data))}, unknown: {sorted(set(data) - known)}'
            )
        try:
            return cls(**data)
        except (TypeError, AttributeError) as error:
            raise ContractError(f'malformed contract of an environment: {error}') from error

    def require_equal(self, other: Any, source: str) -> None:
        """Raise ContractError, naming the first difference; see ``require_same_contract``."""
        require_same_contract(self, other, source)

    def fingerprint(self) -> str:
        """Return the sha256 of the contract's JSON, as hexadecimal digits."""
        return fingerprint_of(self.to_dict())


AnyContract = Contract | EnvironmentContract


def contract_from_dict(data: dict[str, Any]) -> AnyContract:
    """Return the contract that a run or bundle describes, of whichever kind.

    Raises:
        ContractError: it is none.
    """
    kind = EnvironmentContract if 'environment' in data else Contract
    return kind.from_dict(data)


def made_for(contract: AnyContract) -> str:
    """Return in words what a policy of this contract is for."""
    if isinstance(contract, Contract):
        return f'the robot {contract.robot!r}'
    return f'the environment {contract.environment!r}'


def require_same_contract(expected: AnyContract, came: AnyContract, source: str) -> None:
    """Raise ContractError, naming the first field in which two contracts differ.

    Args:
        expected: what is needed.
        came: what came.
        source: where it came from, for the message.
    """
    if type(expected) is not type(came):
        raise ContractError(
            f'{source} was made for {made_for(came)}, expected one for {made_for(expected)}. '
            'Train or export one for this contract.'
        )
    require_equal_fields(expected, came, source)
