from pathlib import Path

from setuptools import find_packages, setup

NAME = 'perl_bringup'
POLICIES = Path('policies')

setup(
    name=NAME,
    version='0.1.0',
    description='Description of the stack as data, its launch files, parameters and runner.',
    license='Apache-2.0',
    packages=find_packages(include=[NAME, f'{NAME}.*']),
    package_data={NAME: ['config/*.yaml']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{NAME}']),
        (f'share/{NAME}', ['package.xml']),
        (f'share/{NAME}/launch', ['launch/ur5e.launch.py']),
        (f'share/{NAME}/security', [str(file) for file in sorted(Path('security').glob('*.xml'))]),
        (f'share/{NAME}/config', [f'{NAME}/config/ur5e.yaml']),
        *(
            (f'share/{NAME}/{bundle}', [str(file) for file in bundle.iterdir() if file.is_file()])
            for bundle in sorted(POLICIES.glob('*/'))
        ),
    ],
    entry_points={'console_scripts': [
        'lifecycle_manager_node = perl_bringup.lifecycle_manager_node:main',
        'recover = perl_bringup.recover:main',
    ]},
)
