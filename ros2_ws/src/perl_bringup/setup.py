from setuptools import find_packages, setup

NAME = 'perl_bringup'

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
    ],
    entry_points={'console_scripts': [
        'lifecycle_manager_node = perl_bringup.lifecycle_manager_node:main',
    ]},
)
