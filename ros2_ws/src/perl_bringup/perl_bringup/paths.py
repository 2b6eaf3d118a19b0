"""Where the files lie that come with the stack: in a source tree, or installed by colcon."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
SHIPPED_POLICY = 'ur5e_reach'


def default_parameters() -> Path:
    """Return the YAML of every node's default parameters."""
    return PACKAGE / 'config' / 'ur5e.yaml'


def source_tree() -> Path | None:
    """Return the root of the source tree that this package lies in, or None if installed."""
    root = PACKAGE.parents[3]
    return root if (root / 'ros2_ws' / 'src' / 'perl_bringup').is_dir() else None


def shipped_bundle() -> Path:
    """Return the folder of the policy that comes with the stack."""
    root = source_tree()
    if root is not None:
        return root / 'policies' / SHIPPED_POLICY
    # colcon and pip install data files below the prefix that holds lib/pythonX.Y/site-packages.
    return PACKAGE.parents[3] / 'share' / 'perl_bringup' / 'policies' / SHIPPED_POLICY
