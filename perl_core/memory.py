"""How much memory this process may still take."""

from pathlib import Path

from perl_core.errors import ConfigError

_MEMINFO = Path('/proc/meminfo')
_CGROUP = Path('/sys/fs/cgroup')
_GB = 1e9


def available_bytes() -> int | None:
    """Return what the machine, or the control group of this process, has left; None if unknown."""
    left = [value for value in (_of_machine(), _of_group()) if value is not None]
    return min(left, default=None)


def require_memory(size: int, what: str, remedy: str) -> None:
    """Raise ConfigError where memory would not do.

    Memory is handed out when it is written to, so that a buffer too large ends a run hours later.

    Args:
        size: bytes.
        what: is to be held, for the message.
        remedy: what to do, for the message.
    """
    left = available_bytes()
    if left is not None and size > left:
        raise ConfigError(
            f'{what} takes {size / _GB:.2f} GB, and {left / _GB:.2f} GB of memory are available; '
            f'{remedy}'
        )


def _of_machine() -> int | None:
    try:
        lines = _MEMINFO.read_text(encoding='ascii').splitlines()
        found = [line.split()[1] for line in lines if line.startswith('MemAvailable:')]
        return 1024 * int(found[0])
    except (OSError, ValueError, IndexError):
        return None


def _of_group() -> int | None:
    """Return what a version 2 control group with a limit has left."""
    try:
        limit = (_CGROUP / 'memory.max').read_text(encoding='ascii')
        used = (_CGROUP / 'memory.current').read_text(encoding='ascii')
        return int(limit) - int(used)
    except (OSError, ValueError):
        return None
