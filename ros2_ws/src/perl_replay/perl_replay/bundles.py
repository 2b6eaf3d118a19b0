"""Finds the bundle that a bag was recorded with, by its hash."""

from collections.abc import Iterator
import hashlib
from pathlib import Path

from perl_core.bundle.manifest import MANIFEST_NAME

_HERE = Path(__file__).resolve()


def find_bundle(sha256: str, near: Path) -> Path | None:
    """Return the folder of the bundle with this hash, or None if there is none at hand.

    Args:
        sha256: of the manifest.
        near: the bag; bundles beside it are looked at too.
    """
    for folder in _folders(near):
        manifest = folder / MANIFEST_NAME
        if manifest.is_file() and hashlib.sha256(manifest.read_bytes()).hexdigest() == sha256:
            return folder
    return None


def _folders(near: Path) -> Iterator[Path]:
    """Yield where bundles lie: beside the bag, in the source tree, where colcon installs them."""
    for root in (
        near.parent / 'policies',
        Path.cwd() / 'policies',
        _HERE.parents[4] / 'policies',
        _HERE.parents[3] / 'share' / 'perl_bringup' / 'policies',
    ):
        if root.is_dir():
            yield from sorted(entry for entry in root.iterdir() if entry.is_dir())
