from setuptools import find_packages, setup

NAME = 'perl_replay'

setup(
    name=NAME,
    version='0.1.0',
    description='Recorder of the stack, and evaluation of its bags.',
    license='Apache-2.0',
    packages=find_packages(include=[NAME, f'{NAME}.*']),
    package_data={NAME: ['page/*.css', 'page/*.js']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{NAME}']),
        (f'share/{NAME}', ['package.xml']),
        (f'share/{NAME}/viewing', ['viewing/perl.foxglove.json', 'viewing/perl.rviz']),
    ],
    entry_points={'console_scripts': [
        'recorder_node = perl_replay.recorder_node:main',
        'view_node = perl_replay.view_node:main',
    ]},
)
