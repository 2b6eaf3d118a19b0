from setuptools import find_packages, setup

NAME = 'perl_safety'

setup(
    name=NAME,
    version='0.1.0',
    description='Safety filter of the control loop, and the independent monitor.',
    license='Apache-2.0',
    packages=find_packages(include=[NAME, f'{NAME}.*']),
    package_data={NAME: ['config/*.yaml']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{NAME}']),
        (f'share/{NAME}', ['package.xml']),
    ],
    entry_points={'console_scripts': ['monitor_node = perl_safety.monitor_node:main']},
)
