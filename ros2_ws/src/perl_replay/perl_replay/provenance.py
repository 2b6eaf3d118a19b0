"""Where a recording comes from: versions of what ran, and the state of the source tree."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
import platform
import subprocess

_PACKAGES = ('perl-core', 'ros-rclpy', 'ur_rtde', 'onnxruntime', 'numpy', 'mcap')
_GIT_TIMEOUT_S = 2.0


def describe_software() -> dict[str, str]:
    """Return the git hash, where the code runs from a checkout, and the installed versions."""
    versions = {f'version.{name}': _version(name) for name in _PACKAGES}
    return {'git_hash': _git_hash(), 'version.python': platform.python_version(), **versions}


def _version(package: str) -> str:
    """Return the version that pip knows, or 'unknown' (ROS's own packages are not pip's)."""
    try:
        return version(package)
    except PackageNotFoundError:
        return 'unknown'


def _git_hash() -> str:
    """Return the commit, with '-dirty' if files differ from it, or 'unknown'."""
    command = ['git', 'describe', '--always', '--dirty', '--abbrev=40', '--exclude=*']
    try:
        result = subprocess.run(
            command,
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=_GIT_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return 'unknown'
    return result.stdout.strip()
