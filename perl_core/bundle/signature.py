"""Signatures of bundles: ed25519 over the manifest, which names the hash of every other file.

A hash says that a bundle is whole, a signature says whose it is. Needs the extra ``security``:

python -m perl_core.bundle.signature keys FOLDER      make private.pem (keep it) and public.pem
python -m perl_core.bundle.signature sign BUNDLE PRIVATE_KEY
python -m perl_core.bundle.signature verify BUNDLE PUBLIC_KEYS
"""

import argparse
import os
from pathlib import Path
import sys

from perl_core.bundle.manifest import MANIFEST_NAME, SIGNATURE_NAME
from perl_core.errors import BundleError

try:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )
except ImportError as error:
    raise BundleError(
        'checking the signature of a bundle needs the package cryptography: '
        "pip install 'perl-core[security]', or configure no keys"
    ) from error

_PEM = serialization.Encoding.PEM


def require_signature(folder: Path, manifest: bytes, keys: Path) -> None:
    """Return if the manifest of a bundle was signed with one of these keys.

    Args:
        folder: of the bundle.
        manifest: bytes of its manifest, as they were read.
        keys: a PEM file of a public key, or a folder of such files (``*.pem``).

    Raises:
        BundleError: it was not signed, or with another key, or there is no key.
    """
    trusted = read_public_keys(keys)
    try:
        signature = bytes.fromhex((folder / SIGNATURE_NAME).read_text(encoding='ascii'))
    except (OSError, ValueError) as error:
        raise BundleError(
            f'the bundle {folder} is not signed: keys are configured ({keys}), so expected '
            f'{SIGNATURE_NAME}, the signature of its manifest in hexadecimal; {error}. Sign it '
            'with python -m perl_core.bundle.signature sign.'
        ) from error
    if not any(_fits(key, signature, manifest) for key in trusted):
        raise BundleError(
            f'the signature of the bundle {folder} fits none of the {len(trusted)} keys in '
            f'{keys}: the manifest was altered, or somebody else signed it.'
        )


def read_public_keys(path: Path) -> list[Ed25519PublicKey]:
    """Return the public keys in a PEM file, or in every ``*.pem`` of a folder.

    Raises:
        BundleError: there is none, or one is no ed25519 public key.
    """
    files = sorted(path.glob('*.pem')) if path.is_dir() else [path]
    if not files:
        raise BundleError(f'expected public keys (*.pem) in {path}; there is none')
    return [_public_key(file) for file in files]


def sign(folder: Path, private_key: Path) -> None:
    """Sign a bundle.

    Raises:
        BundleError: there is no manifest, or no ed25519 private key.
    """
    try:
        manifest = (folder / MANIFEST_NAME).read_bytes()
        key = serialization.load_pem_private_key(private_key.read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BundleError(f'cannot sign {folder} with {private_key}: {error}') from error
    if not isinstance(key, Ed25519PrivateKey):
        raise BundleError(f'{private_key} must be an ed25519 private key; it is another kind')
    (folder / SIGNATURE_NAME).write_text(key.sign(manifest).hex() + '\n', encoding='ascii')


def make_keys(folder: Path) -> None:
    """Write a new private.pem, readable by its owner only, and its public.pem.

    Raises:
        BundleError: they cannot be written, or are there already.
    """
    key, none = Ed25519PrivateKey.generate(), serialization.NoEncryption()
    private = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, none)
    public = key.public_key().public_bytes(
        _PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content, mode in (
            ('private.pem', private, 0o600), ('public.pem', public, 0o644),
        ):
            with os.fdopen(os.open(folder / name, flags, mode), 'wb') as file:
                file.write(content)
    except OSError as error:
        raise BundleError(f'cannot write keys to {folder}: {error}') from error


def _fits(key: Ed25519PublicKey, signature: bytes, manifest: bytes) -> bool:
    try:
        key.verify(signature, manifest)
    except InvalidSignature:
        return False
    return True


def _public_key(file: Path) -> Ed25519PublicKey:
    try:
        key = serialization.load_pem_public_key(file.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise BundleError(f'{file} is no public key in PEM: {error}') from error
    if not isinstance(key, Ed25519PublicKey):
        raise BundleError(f'{file} must be an ed25519 public key; it is another kind')
    return key


def main(arguments: list[str] | None = None) -> int:
    """Make keys, sign or verify; return the exit status."""
    parser = argparse.ArgumentParser(
        prog='python -m perl_core.bundle.signature', description='Sign bundles, and check that.')
    actions = parser.add_subparsers(dest='action', required=True)
    keys = actions.add_parser('keys', help='make a pair of keys')
    keys.add_argument('folder', type=Path)
    for name, other in (('sign', 'private_key'), ('verify', 'public_keys')):
        action = actions.add_parser(name)
        action.add_argument('bundle', type=Path)
        action.add_argument(other, type=Path)
    options = parser.parse_args(arguments)
    try:
        return _obey(options)
    except (BundleError, OSError) as error:
        sys.stderr.write(f'signature: {error}\n')
        return 1


def _obey(options: argparse.Namespace) -> int:
    if options.action == 'keys':
        make_keys(options.folder)
    elif options.action == 'sign':
        sign(options.bundle, options.private_key)
    else:
        manifest = (options.bundle / MANIFEST_NAME).read_bytes()
        require_signature(options.bundle, manifest, options.public_keys)
        sys.stdout.write(f'{options.bundle} was signed with one of {options.public_keys}\n')
    return 0


if __name__ == '__main__':
    sys.exit(main())
