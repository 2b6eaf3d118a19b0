"""Every package.xml follows format 3, declares what its package imports, and has one version."""

import itertools
import re
import sys
import tomllib
from xml.etree import ElementTree

import pytest

FOLDERS = {
    'perl_core': ('perl_core', 'calibration', 'sim/perl_sim'),
    'perl_control': ('ros2_ws/src/perl_control/perl_control',),
    'perl_safety': ('ros2_ws/src/perl_safety/perl_safety',),
    'perl_replay': ('ros2_ws/src/perl_replay/perl_replay',),
    'perl_bringup': ('ros2_ws/src/perl_bringup/perl_bringup', 'launch'),
}
"""Where the Python of each package lies."""
OF_PERL_CORE = {'perl_core', 'perl_sim', 'calibration'}
ROSDEP_KEYS = {
    'numpy': 'python3-numpy', 'yaml': 'python3-yaml', 'rich': 'python3-rich',
    'zstandard': 'python3-zstandard', 'cryptography': 'python3-cryptography', 'PIL': 'python3-pil',
}  # fmt: skip
"""Names in rosdep's python.yaml where they differ from the module's."""
FROM_PIP = {
    'onnxruntime': 'onnxruntime', 'rtde_control': 'ur_rtde', 'rtde_receive': 'ur_rtde',
    'dashboard_client': 'ur_rtde', 'mcap': 'mcap', 'mcap_ros2': 'mcap-ros2-support',
    'rosbags': 'rosbags', 'torch': 'torch', 'onnx': 'onnx', 'safetensors': 'safetensors',
    'mujoco': 'mujoco', 'gymnasium': 'gymnasium', 'tyro': 'tyro', 'tensorboard': 'tensorboard',
    'daqp': 'daqp', 'lerobot': 'lerobot',
}  # fmt: skip
"""No Debian package of a version that is recent enough: an extra in pyproject.toml instead."""


def manifest_file(root, package):
    folder = root if package == 'perl_core' else root / 'ros2_ws' / 'src' / package
    return folder / 'package.xml'


def every_manifest(root):
    return [root / 'package.xml', *sorted((root / 'ros2_ws' / 'src').glob('*/package.xml'))]


def declared_in(file):
    tags = ('depend', 'exec_depend')
    return {element.text for tag in tags for element in ElementTree.parse(file).iter(tag)}


def imported_by(root, our_files, read_imports, package):
    names = set()
    for path in our_files:
        if any(path.as_posix().startswith(f'{folder}/') for folder in FOLDERS[package]):
            imports = read_imports((root / path).read_text(encoding='utf-8'), package)
            names |= {name.split('.')[0] for name, _ in imports}
    return names - sys.stdlib_module_names - {package, '<computed>'}


def test_every_package_with_python_is_known(root):
    folders = [file.parent for file in every_manifest(root)[1:]]
    with_python = {folder.name for folder in folders if (folder / 'setup.py').exists()}
    assert with_python == set(FOLDERS) - {'perl_core'}


@pytest.mark.parametrize('package', FOLDERS)
def test_every_import_is_declared(root, our_files, read_imports, package):
    imported = imported_by(root, our_files, read_imports, package)
    if package == 'perl_core':
        imported -= OF_PERL_CORE
    needed = {
        'perl_core' if name in OF_PERL_CORE else ROSDEP_KEYS.get(name, name)
        for name in imported - set(FROM_PIP)
    }
    assert needed - declared_in(manifest_file(root, package)) == set()


@pytest.mark.parametrize('package', FOLDERS)
def test_what_has_no_ros_name_is_in_an_extra(root, our_files, read_imports, package):
    project = tomllib.loads((root / 'pyproject.toml').read_text(encoding='utf-8'))['project']
    wanted = list(itertools.chain(
        project['dependencies'], *project['optional-dependencies'].values()
    ))  # fmt: skip
    names = {re.split(r'[\[<>=~! ]', requirement)[0] for requirement in wanted}
    imported = imported_by(root, our_files, read_imports, package) & set(FROM_PIP)
    assert {FROM_PIP[name] for name in imported} - names == set()


def test_every_manifest_follows_format_3(root):
    for file in every_manifest(root):
        package = ElementTree.parse(file).getroot()
        assert package.get('format') == '3', file
        found = {child.tag for child in package}
        assert {'name', 'version', 'description', 'maintainer', 'license', 'export'} <= found, file
        assert package.findtext('license') == 'Apache-2.0', file
        if file.parent != root:
            assert package.findtext('name') == file.parent.name


def test_there_is_one_version(root):
    found = {
        str(file.relative_to(root)): ElementTree.parse(file).getroot().findtext('version')
        for file in every_manifest(root)
    }
    for file in sorted((root / 'ros2_ws' / 'src').glob('*/setup.py')):
        stated = re.search(r"version='([^']+)'", file.read_text(encoding='utf-8'))
        found[str(file.relative_to(root))] = stated and stated[1]
    project = tomllib.loads((root / 'pyproject.toml').read_text(encoding='utf-8'))['project']
    found['pyproject.toml'] = project['version']
    assert len(set(found.values())) == 1, found
