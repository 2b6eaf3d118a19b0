"""Signed bundles: who signed, and what is refused."""

import shutil
import subprocess

from perl_core.bundle.runtime import Policy
from perl_core.bundle.signature import main
from perl_core.errors import BundleError
import pytest


@pytest.fixture(scope='module')
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp('keys')
    assert main(['keys', str(folder / 'ours')]) == 0
    assert main(['keys', str(folder / 'theirs')]) == 0
    return folder


@pytest.fixture
def bundle(tmp_path, request):
    shipped = request.config.rootpath / 'policies' / 'ur5e_reach'
    return shutil.copytree(shipped, tmp_path / 'bundle')


def test_a_signed_bundle_is_loaded_and_without_keys_any_is(bundle, keys):
    assert main(['sign', str(bundle), str(keys / 'ours' / 'private.pem')]) == 0
    ours = keys / 'ours' / 'public.pem'
    assert main(['verify', str(bundle), str(ours)]) == 0
    signed = Policy.load(bundle, keys=ours)
    assert Policy.load(bundle).sha256 == signed.sha256


def test_one_key_of_a_folder_is_enough(bundle, keys, tmp_path):
    trusted = tmp_path / 'trusted'
    trusted.mkdir()
    for name in ('ours', 'theirs'):
        shutil.copy(keys / name / 'public.pem', trusted / f'{name}.pem')
    main(['sign', str(bundle), str(keys / 'theirs' / 'private.pem')])
    Policy.load(bundle, keys=trusted)


def test_an_unsigned_bundle_is_refused_when_keys_are_configured(bundle, keys):
    with pytest.raises(BundleError, match=r'is not signed: keys are configured'):
        Policy.load(bundle, keys=keys / 'ours' / 'public.pem')


def test_a_signature_of_somebody_else_or_of_another_manifest_is_refused(bundle, keys):
    ours = keys / 'ours' / 'public.pem'
    main(['sign', str(bundle), str(keys / 'theirs' / 'private.pem')])
    with pytest.raises(BundleError, match='fits none of the 1 keys'):
        Policy.load(bundle, keys=ours)
    main(['sign', str(bundle), str(keys / 'ours' / 'private.pem')])
    manifest = bundle / 'manifest.json'
    manifest.write_bytes(manifest.read_bytes() + b' ')
    with pytest.raises(BundleError, match='fits none'):
        Policy.load(bundle, keys=ours)


def test_keys_that_are_none_are_refused_by_name(bundle, keys, tmp_path):
    with pytest.raises(BundleError, match='there is none'):
        Policy.load(bundle, keys=tmp_path)
    (tmp_path / 'bad.pem').write_text('no key')
    main(['sign', str(bundle), str(keys / 'ours' / 'private.pem')])
    with pytest.raises(BundleError, match='no public key in PEM'):
        Policy.load(bundle, keys=tmp_path / 'bad.pem')


def test_the_command_refuses_to_overwrite_keys_and_says_so(keys, capsys):
    assert main(['keys', str(keys / 'ours')]) == 1
    assert 'cannot write keys' in capsys.readouterr().err
    assert (keys / 'ours' / 'private.pem').stat().st_mode & 0o077 == 0


def test_openssl_reads_the_keys(keys):
    words = ['openssl', 'pkey', '-pubin', '-in', str(keys / 'ours' / 'public.pem'), '-text']
    if shutil.which('openssl') is None:
        pytest.skip('openssl is not installed')
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert 'ED25519' in said.upper()
