"""Programs are cut out of the stream of the script port wherever its pieces end."""

import itertools

from hypothesis import given
from hypothesis import strategies as st
from perl_sim.ur_controller.rtde_protocol import ProtocolError
from perl_sim.ur_controller.script_server import MAX_SCRIPT_BYTES, ScriptReader
import pytest

CONTROL_SCRIPT = b"""def rtde_control():
    global reg_offset_int = # int register offset
24    global other = 1
def inner():
  if True:
    sync()
  end
end
while True:
  sync()
end
# NODE_CONTROL_LOOP_ENDS
end
"""
OTHER = b'def mine():\n  while True:\n    sync()\n  end\nend\n'


@given(cuts=st.lists(st.integers(0, 2 * len(CONTROL_SCRIPT)), max_size=30))
def test_any_split_gives_the_same_programs(cuts):
    stream = CONTROL_SCRIPT + b'stopj(2)\n' + OTHER + CONTROL_SCRIPT
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    reader, programs = ScriptReader(), []
    for start, end in itertools.pairwise(edges):
        programs += reader.feed(stream[start:end])
    assert [program.name for program in programs] == [
        'rtde_control', 'stopj(2)', 'mine', 'rtde_control']
    assert [program.is_control_script for program in programs] == [True, False, False, True]
    assert programs[0].register_offset == 24


def test_a_program_without_end_is_refused_when_it_grows_too_long():
    reader = ScriptReader()
    with pytest.raises(ProtocolError, match='an end'):
        reader.feed(b'def endless():\n' + b'  sync()\n' * (MAX_SCRIPT_BYTES // 8))
