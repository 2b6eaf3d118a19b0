"""Build the ROS package perl_core: the libraries perl_core, perl_sim and calibration."""
from setuptools import find_packages, setup

setup(
    python_requires='>=3.11',
    packages=[
        *find_packages('.', include=['perl_core', 'perl_core.*', 'calibration', 'calibration.*']),
        *find_packages('sim', include=['perl_sim', 'perl_sim.*']),
    ],
    package_dir={'perl_sim': 'sim/perl_sim'},
    package_data={
        'perl_sim': ['robots/**/*.xml', 'robots/*.xml'],
        'calibration': ['robots/*/*.yaml'],
    },
    data_files=[
        ('share/ament_index/resource_index/packages', ['resource/perl_core']),
        ('share/perl_core', ['package.xml']),
    ],
    entry_points={'console_scripts': ['ur_controller = perl_sim.ur_controller.__main__:main']},
)
