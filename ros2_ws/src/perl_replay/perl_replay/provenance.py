"""Where a recording comes from: what ran, with which settings, on which robot."""

from collections.abc import Mapping, Sequence
import hashlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
import platform
import subprocess

from perl_core.bundle.manifest import MANIFEST_NAME
from perl_core.errors import ConfigError, RobotError
from perl_safety.dashboard import Dashboard

_PACKAGES = ('perl-core', 'ros-rclpy', 'ur_rtde', 'onnxruntime', 'numpy', 'mcap')
_GIT_TIMEOUT_S = 2.0
_QUESTIONS = {
    'serial_number': 'get serial number',
    'model': 'get robot model',
    'polyscope': 'PolyscopeVersion',
}
"""What the dashboard server is asked (Universal Robots, "Dashboard Server e-Series")."""


def describe_software() -> dict[str, str]:
    """Return the git hash, where the code runs from a checkout, and the installed versions."""
    versions = {f'version.{name}': _version(name) for name in _PACKAGES}
    return {'git_hash': _git_hash(), 'version.python': platform.python_version(), **versions}


def describe_settings(files: Mapping[str, Path], parameters: Sequence[Path]) -> dict[str, str]:
    """Return path, hash and text of every file that says how the stack is set.

    Args:
        files: by what they are, for example 'limits'; of a bundle's folder its manifest counts.
        parameters: YAML files of node parameters; a later one wins.

    Raises:
        ConfigError: a file cannot be read.
    """
    numbered = {f'parameters.{number}': file for number, file in enumerate(parameters)}
    described: dict[str, str] = {}
    for name, path in {**files, **numbered}.items():
        file = path / MANIFEST_NAME if path.is_dir() else path
        try:
            content = file.read_bytes()
        except OSError as error:
            raise ConfigError(
                f'cannot read {file}, to note it in the recording as {name}: {error.strerror}'
            ) from error
        described[f'{name}.path'] = str(path)
        described[f'{name}.sha256'] = hashlib.sha256(content).hexdigest()
        if file == path:
            described[f'{name}.text'] = content.decode(errors='replace')
    return described


def describe_robot(robot_ip: str) -> dict[str, str]:
    """Return what the robot's dashboard says it is; nothing if it does not answer."""
    dashboard = Dashboard(robot_ip)
    try:
        return {name: dashboard.command(question) for name, question in _QUESTIONS.items()}
    except RobotError:
        return {}
    finally:
        dashboard.close()


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
