"""The black box: the last seconds of every signal of the control loop, in one file.

A file is an .npz archive: one array a signal, its first axis the control ticks, and ``header``,
one JSON text that says what ran, on which robot, with which hashes. numpy reads it without
pickle. It is written whole or not at all.
"""

from collections.abc import Mapping
import dataclasses
import json
import os
from pathlib import Path
from typing import Any, BinaryIO
import zipfile

import numpy as np
from perl_core.errors import BagError

FORMAT = 'perl_black_box'
VERSION = 1
SUFFIX = '.npz'
_HEADER = 'header'
_NO_ARCHIVE = (OSError, EOFError, ValueError, zipfile.BadZipFile)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BlackBoxHeader:
    """What the signals belong to."""

    cause: str
    """Reasons of the stop, oldest first, joined by '; '; or how the loop ended."""
    robot_ip: str
    """Address of the robot."""
    bundle: str
    """Folder of the policy."""
    bundle_sha256: str
    """Of the policy's manifest, and so of everything in the bundle."""
    calibration_sha256: str
    """Of what the calibration of the arm says; that of the nominal kinematics without one."""
    limits: str
    """Text of the file of safety limits."""
    limits_sha256: str
    """Of that text."""
    contract: dict[str, Any]
    """As Contract.to_dict returns it."""
    unix_offset_ns: int
    """Unix time minus time.monotonic_ns(), in which the signals give times [ns]."""
    shadow: bool = False
    """The policy ran as a shadow: nothing was sent to the arm."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class BlackBox:
    """What a file holds."""

    header: BlackBoxHeader
    """What the signals belong to."""
    signals: Mapping[str, np.ndarray]
    """By name; the first axis is the ticks, oldest first."""


def write_black_box(file: Path, black_box: BlackBox) -> None:
    """Write a file atomically: under another name, to the disk, then renamed.

    Raises:
        OSError: the disk is full, or the folder cannot be written.
    """
    header = {'format': FORMAT, 'version': VERSION, **dataclasses.asdict(black_box.header)}
    unfinished = file.with_name(f'.{file.name}.{os.getpid()}')
    try:
        with unfinished.open('wb') as stream:
            _write_archive(stream, {_HEADER: np.array(json.dumps(header)), **black_box.signals})
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(unfinished, file)
    finally:
        unfinished.unlink(missing_ok=True)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write_archive(stream: BinaryIO, arrays: Mapping[str, np.ndarray]) -> None:
    """Write what numpy.load reads."""
    with zipfile.ZipFile(stream, 'w', zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, array in arrays.items():
            with archive.open(f'{name}.npy', 'w') as part:
                np.lib.format.write_array(part, array, allow_pickle=False)


def read_black_box(file: Path) -> BlackBox:
    """Return what a file holds.

    Raises:
        BagError: it is no black box, or of another version.
    """
    try:
        with np.load(file, allow_pickle=False) as archive:
            signals = {name: archive[name] for name in archive.files}
        header = json.loads(str(signals.pop(_HEADER)))
        came = header.pop('format'), header.pop('version')
        if came != (FORMAT, VERSION):
            raise BagError(f'{file} has the format {came}; expected {(FORMAT, VERSION)}')
        return BlackBox(header=BlackBoxHeader(**header), signals=signals)
    except (*_NO_ARCHIVE, KeyError, TypeError, AttributeError) as error:
        raise BagError(f'{file} is no black box of this stack: {error}') from error
