"""Reading a bundle's files: strictly, and refused by the name of what is wrong.

The bytes whose hash was checked are handed on, so that nobody reads a file a second time.
"""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from perl_core.bundle.manifest import (
    GRAPHS,
    MANIFEST_NAME,
    MAX_EQUIVARIANCE_ERROR,
    MAX_PARITY_ERROR,
    SCHEMA_VERSION,
    SIGNATURE_NAME,
    Checks,
    ExpectedOutputs,
    FileRecord,
    Manifest,
    TrainedCalibration,
    Training,
    representations_of,
)
from perl_core.contract import ACTION, OBSERVATION, Contract
from perl_core.environment_contract import (
    AnyContract,
    contract_from_dict,
    made_for,
    require_same_contract,
)
from perl_core.errors import BundleError, ContractError
from perl_core.fields import Fields
from perl_core.kinematics import DHParameters


class BundleFiles(NamedTuple):
    """A bundle whose files and contract were checked."""

    folder: Path
    """Where it was read."""
    manifest: Manifest
    """What it says about itself."""
    sha256: str
    """Of the manifest, and so of everything in the bundle."""
    models: dict[str, bytes]
    """The ONNX file of each graph."""


def read_bundle(
    folder: Path, contract: AnyContract | None, keys: Path | None = None
) -> BundleFiles:
    """Return the files of a bundle.

    Args:
        folder: of the bundle.
        contract: what it must have been made for; without it for the robot, with any group, rates
            and limits.
        keys: public keys, one of which must have signed it; None: whoever made it.

    Raises:
        BundleError: a file is missing, altered or unknown, the manifest is malformed, or not
            signed with one of the keys.
        ContractError: the bundle was made for another contract.
    """
    text = _read(folder, MANIFEST_NAME)
    if keys is not None:
        # Needs an extra that only those have who sign.
        from perl_core.bundle.signature import require_signature  # noqa: PLC0415

        require_signature(folder, text, keys)
    manifest = manifest_from_json(text.decode(errors='replace'), str(folder / MANIFEST_NAME))
    _require_contract(manifest.contract, contract, folder)
    unknown = {file.name for file in folder.iterdir()} - {
        MANIFEST_NAME, SIGNATURE_NAME, *manifest.files}
    if unknown:
        raise BundleError(
            f'the bundle {folder} holds {sorted(unknown)}, which its manifest does not name; '
            f'expected {MANIFEST_NAME} and {sorted(manifest.files)} only. Remove what is too much.'
        )
    models = {name: _read_model(folder, manifest, spec.file) for name, spec in GRAPHS.items()}
    return BundleFiles(folder, manifest, hashlib.sha256(text).hexdigest(), models)


def manifest_sha256(folder: str | Path) -> str:
    """Return the sha256 of a bundle's manifest, which names the sha256 of every other file."""
    return hashlib.sha256(_read(Path(folder), MANIFEST_NAME)).hexdigest()


def file_record(content: bytes) -> FileRecord:
    """Return what the manifest says of a file with this content."""
    return FileRecord(sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        available = sorted(f.name for f in folder.iterdir()) if folder.is_dir() else 'no folder'
        graphs = sorted(spec.file for spec in GRAPHS.values())
        raise BundleError(
            f'a bundle is a folder with {MANIFEST_NAME} and {graphs}; cannot read '
            f'{folder / name}: {error.strerror}. There is: {available}. Make a bundle with '
            'sim/export.py.'
        ) from error


def _read_model(folder: Path, manifest: Manifest, name: str) -> bytes:
    content = _read(folder, name)
    expected, came = manifest.files[name], file_record(content)
    if came != expected:
        raise BundleError(
            f'{folder / name} was altered: expected {expected.size_bytes} bytes with the sha256 '
            f'{expected.sha256}, came {came.size_bytes} bytes with {came.sha256}. '
            'Copy or export the bundle again.'
        )
    return content


def _require_contract(came: AnyContract, contract: AnyContract | None, folder: Path) -> None:
    if contract is not None:
        require_same_contract(contract, came, f'the bundle {folder}')
        if not isinstance(contract, Contract):
            return
    if not isinstance(came, Contract):
        raise ContractError(
            f'the bundle {folder} was made for {made_for(came)}, expected one for the robot. It '
            'is loaded where the contract of its environment is given.'
        )
    for name, known in (('observation', OBSERVATION), ('action', ACTION)):
        if getattr(came, name) != known:
            raise ContractError(
                f'the bundle {folder} was made for another {name}: {getattr(came, name)}, '
                f'expected {known}. Export the policy again.'
            )


def manifest_from_json(text: str, source: str) -> Manifest:
    """Return the manifest that a text describes.

    Args:
        text: as ``Manifest.to_json`` returns it.
        source: where it came from, for the messages.

    Raises:
        BundleError: a field is missing, unknown, malformed or out of bounds.
        ContractError: the contract is not one.
    """
    try:
        data = json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        raise BundleError(
            f'{source} is not valid JSON: {error}. Export the policy again.'
        ) from error
    version = data.get('schema_version') if isinstance(data, dict) else None
    if version != SCHEMA_VERSION:
        raise BundleError(
            f'{source}: schema_version must be {SCHEMA_VERSION}; it is {version!r}. '
            'Export the policy again with this version.'
        )
    names = {field.name for field in dataclasses.fields(Manifest)} | {'schema_version'}
    fields = Fields(data, source, names, BundleError)
    contract = contract_from_dict(fields.mapping('contract'))
    manifest = Manifest(
        files=_files(fields),
        contract=contract,
        representations=fields.mapping('representations'),
        training=_training(fields),
        calibration=_calibration(fields, contract),
        evaluation=fields.mapping('evaluation'),
        checks=_checks(fields),
        test_vectors=_test_vectors(fields, contract),
    )
    expected = representations_of(contract)
    if manifest.representations != expected:
        raise BundleError(
            f'{source}: representations must be {expected}, as the contract says; they are '
            f'{manifest.representations}. Export the policy again.'
        )
    return manifest


def _names(record: type) -> list[str]:
    return [field.name for field in dataclasses.fields(record)]


def _refuse_constant(name: str) -> float:
    raise ValueError(f'{name} is not a finite number')


def _files(fields: Fields) -> dict[str, FileRecord]:
    names = sorted(spec.file for spec in GRAPHS.values())
    files = fields.child('files', names)
    records = {}
    for name in names:
        record = files.child(name, _names(FileRecord))
        records[name] = FileRecord(
            sha256=record.sha256('sha256'), size_bytes=record.integer('size_bytes')
        )
    return records


def _training(fields: Fields) -> Training:
    training = fields.child('training', _names(Training))
    return Training(
        agent=training.text('agent'),
        agent_config=training.mapping('agent_config'),
        environment=training.text('environment'),
        environment_config=training.mapping('environment_config'),
        seed=training.integer('seed'),
        steps=training.integer('steps'),
        git_hash=training.text('git_hash'),
        command=training.text('command'),
    )


def _calibration(fields: Fields, contract: AnyContract) -> TrainedCalibration | None:
    if not isinstance(contract, Contract):
        fields.none('calibration')
        return None
    calibration = fields.child('calibration', _names(TrainedCalibration))
    dh = calibration.child('dh_parameters', DHParameters._fields)
    return TrainedCalibration(
        content_sha256=calibration.sha256('content_sha256'),
        dh_parameters=DHParameters(*(dh.array(name, (6,)) for name in DHParameters._fields)),
    )


def _checks(fields: Fields) -> Checks:
    checks = fields.child('checks', _names(Checks))
    parity = checks.child('parity_error', GRAPHS)
    return Checks(
        parity_error={name: parity.number(name, 0.0, MAX_PARITY_ERROR) for name in GRAPHS},
        equivariance_error=checks.number('equivariance_error', 0.0, MAX_EQUIVARIANCE_ERROR),
    )


def _test_vectors(fields: Fields, contract: AnyContract) -> ExpectedOutputs:
    vectors = fields.child('test_vectors', _names(ExpectedOutputs))
    observation = vectors.array('observation', (-1, contract.observation_size)).astype(np.float32)
    count = len(observation)
    actions = (count, contract.action_size)
    return ExpectedOutputs(
        observation=observation,
        gate=vectors.array('gate', (count,), 0.0, 1.0),
        action_equivariant=vectors.array('action_equivariant', actions),
        action_standard=vectors.array('action_standard', actions),
    )
