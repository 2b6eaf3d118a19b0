"""Whether a control script is one whose commands the table knows, to the last statement."""

import hashlib
import re

from perl_sim.ur_controller.script_path import PATH

KNOWN_SHA256 = {
    '57af0071535b36c34847bd972e0ebbbc83d21cd74cd0ebbb3d85e2805930a9d7': '5.4 to 5.8',
    'c5ad697751b1da28cb4861b5e29a21b48cd235b0f7f32f14e2f37253f26449e1': '5.9',
    'b2b708c703f24144aca84c0981ed0325afaede70e0929dafab7b26f3a4c22d3a': '5.10 to 5.22',
    '1c93af7be2a0bf4b27ce58b6b866c8599df7dc8b86d83ca816d7388c53113543': '5.23 to 5.25',
    '84afdc20c5d74db6adf8d073c34d1393843fbb85fea038bf1d9b489d9da6f879': '5.26, and 10',
}
"""``digest`` of the control script of ur_rtde 1.6.5, by the versions of PolyScope: it leaves out
the lines that a version does not know."""

_OFFSET = re.compile(r'(# (?:float|int) register offset\n)\d+')
_BLANKS = re.compile(r'\s+')


def digest(text: str) -> str:
    """Return the sha256 of a control script without blanks, register offset and path."""
    text = _OFFSET.sub(r'\1', PATH.sub('', text))
    return hashlib.sha256(_BLANKS.sub('', text).encode('latin-1')).hexdigest()


def is_known(text: str) -> bool:
    """Return whether the table of commands does exactly what this control script says."""
    return digest(text) in KNOWN_SHA256
