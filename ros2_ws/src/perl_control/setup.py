from setuptools import find_packages, setup

NAME = 'perl_control'

setup(
    name=NAME,
    version='0.1.0',
    description='Real-time control loop, robot backends and their lifecycle node.',
    license='Apache-2.0',
    packages=find_packages(include=[NAME, f'{NAME}.*']),
    package_data={NAME: ['config/*.yaml']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{NAME}']),
        (f'share/{NAME}', ['package.xml']),
    ],
    entry_points={'console_scripts': ['controller_node = perl_control.controller_node:main']},
)
