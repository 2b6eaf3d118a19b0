"""Folders that are there as a whole or not at all, whatever ends the process or fills the disk."""

from collections.abc import Iterator
import contextlib
import os
from pathlib import Path
import shutil

from perl_core.errors import CheckpointError
from safetensors import SafetensorError
from safetensors.torch import save_file
import torch


@contextlib.contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder that takes the place of ``target`` once it is on disk.

    Args:
        target: an older one is replaced.

    Raises:
        CheckpointError: the disk is full, or may not be written; ``target`` is as it was.
    """
    unfinished = target.parent / f'.{target.name}.incomplete'
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        yield unfinished
        for path in (*unfinished.iterdir(), unfinished):
            _synchronise(path)
        _replace(unfinished, target)
        _synchronise(target.parent)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise CheckpointError(cannot_write(target, error)) from error


def cannot_write(path: Path, error: Exception) -> str:
    """Return one sentence on why something cannot be written, and what to do."""
    try:
        free = f'{shutil.disk_usage(path.parent).free / 1e6:.0f} MB are free there'
    except OSError:
        free = 'its folder cannot be looked at'
    return (
        f'cannot write {path}: {error} ({free}). What was saved before is untouched: make room, '
        'then go on with --resume'
    )


def write_tensors(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Write tensors as safetensors."""
    save_file({name: value.contiguous() for name, value in tensors.items()}, path)


def _synchronise(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _replace(unfinished: Path, target: Path) -> None:
    """Rename a folder; the one that is in its place goes only when the new one is there."""
    if not target.exists():
        unfinished.rename(target)
        return
    replaced = target.parent / f'.{target.name}.replaced'
    shutil.rmtree(replaced, ignore_errors=True)
    target.rename(replaced)
    unfinished.rename(target)
    shutil.rmtree(replaced)
