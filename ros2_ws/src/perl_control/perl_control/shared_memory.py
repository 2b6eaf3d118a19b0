"""Files in /dev/shm mapped into memory: how the control loop and its node see each other.

Plain ``mmap`` and not ``multiprocessing.shared_memory``, whose resource tracker unlinks a file
that another process still uses. The loop creates the files, under the lock of its address and
each time as new files, so that a process left over from an earlier run cannot write into them.
"""

import mmap
import os
from pathlib import Path

from perl_core.errors import RobotError

SHARED_FOLDER = Path('/dev/shm')


def telemetry_path(robot_ip: str) -> Path:
    """Return the file of the telemetry ring of one robot address."""
    return SHARED_FOLDER / f'perl-{robot_ip}-telemetry'


def mailbox_path(robot_ip: str) -> Path:
    """Return the file of the mailbox of one robot address."""
    return SHARED_FOLDER / f'perl-{robot_ip}-mailbox'


def create_mapping(path: Path, size: int) -> mmap.mmap:
    """Create a file of zeros in place of whatever had its name, and map it.

    Args:
        path: in ``/dev/shm``.
        size: bytes.

    Returns:
        The mapping, readable and writable.
    """
    fresh = path.with_name(f'{path.name}.{os.getpid()}')
    descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.ftruncate(descriptor, size)
        mapping = mmap.mmap(descriptor, size)
    finally:
        os.close(descriptor)
    os.replace(fresh, path)
    return mapping


def open_mapping(path: Path, size: int) -> mmap.mmap:
    """Map a file that the control loop created.

    Raises:
        RobotError: there is none, or it has another size.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise RobotError(
            f'expected {path}, which the control loop creates; it is not there. '
            'Start the control loop first.'
        ) from error
    try:
        came = os.fstat(descriptor).st_size
        if came != size:
            raise RobotError(
                f'expected {path} to have {size} bytes, it has {came}: the control loop is '
                'of another version. Install both from one source.'
            )
        return mmap.mmap(descriptor, size)
    finally:
        os.close(descriptor)
