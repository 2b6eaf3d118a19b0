"""URScript from the ports: lines, programs, secondary programs, and what is no program."""

import contextlib

from hypothesis import example, given, settings
from hypothesis import strategies as st
import numpy as np
from perl_sim.ur_controller.controller import RuntimeState, SafetyMode
from perl_sim.ur_controller.script_errors import ScriptError
from perl_sim.ur_controller.urscript_parser import parse
from program_bench import HOME_RAD, ProgramBench
import pytest

Q = str((HOME_RAD + 0.1).tolist())


def result_of(expression, before=''):
    """Return what an expression gives, as a program writes it into a register."""
    bench = ProgramBench()
    bench.run(f'def f():\n{before}\nwrite_output_float_register(0, {expression})\nend\n')
    return bench.values['output_double_register_0'][0]


@pytest.mark.parametrize(('expression', 'value'), [
    ('1 + 2 * 3', 7.0), ('(1 + 2) * 3', 9.0), ('-2 * -3', 6.0), ('7 % 4', 3.0),
    ('10 / 4', 2.5), ('[1, 2, 3][1]', 2.0), ('p[1, 2, 3, 4, 5, 6][5]', 6.0),
    ('norm([3, 4])', 5.0), ('d2r(180)', np.pi), ('length([1, 2])', 2.0),
    ('get_steptime()', 0.002), ('pose_trans(p[1,0,0,0,0,0], p[0,2,0,0,0,0])[1]', 2.0),
])
def test_expressions(expression, value):
    assert result_of(expression) == pytest.approx(value)


def test_control_flow_functions_and_scopes():
    before = """
  global total = 0
  def add(n, step=1):
    local i = 0
    while True:
      i = i + step
      if i > n:
        break
      elif i == 2:
        continue
      else:
        total = total + i
      end
    end
    return total * 10
  end
  x = add(4)
"""
    assert result_of('x + total', before) == 88.0


def test_threads_share_variables_and_can_be_killed():
    bench = ProgramBench()
    bench.run("""
def f():
  global count = 0
  thread counter():
    while True:
      count = count + 1
      sync()
    end
  end
  t = run counter()
  sleep(0.1)
  kill t
  write_output_integer_register(0, count)
  sleep(0.1)
  write_output_integer_register(1, count)
end
""")
    first, second = (bench.values[f'output_int_register_{index}'][0] for index in (0, 1))
    assert 48 <= first <= 52
    assert second - first <= 1


def test_a_thread_can_be_joined():
    bench = ProgramBench()
    ticks = bench.run('def f():\nthread w():\nsleep(0.1)\nend\njoin run w()\nend\n')
    assert 49 <= ticks <= 55


@pytest.mark.parametrize(('line', 'ticks'), [
    (f'movej({Q}, a=2.0, v=1.0)', 150), (f'movej({Q}, t=1.0)', 500),
    (f'movel(get_forward_kin({Q}), a=1.2, v=0.25)', 300), ('sleep(0.2)', 100),
])
def test_lines_that_take_time(line, ticks):
    bench = ProgramBench()
    assert bench.run(line + '\n') == pytest.approx(ticks, rel=0.9)
    if line.startswith('move'):
        bench.tick(100)
        np.testing.assert_allclose(bench.arm.position_rad, HOME_RAD + 0.1, atol=1e-3)


def test_time_of_a_move_is_kept():
    bench = ProgramBench()
    assert bench.run(f'movej({Q}, t=1.0)\n') == pytest.approx(500, abs=5)


def test_stopj_as_a_line_stops_a_program_that_moves():
    bench = ProgramBench()
    bench.send('def f():\nspeedj([0.2,0,0,0,0,0], 1.0, 10)\nend\n')
    bench.tick(300)
    assert bench.arm.velocity_rad_s[0] == pytest.approx(0.2, abs=0.01)
    bench.send('stopj(2)\n')
    bench.tick(200)
    assert bench.state == RuntimeState.STOPPED
    assert np.abs(bench.arm.velocity_rad_s).max() < 1e-3


def test_a_secondary_program_leaves_the_motion_alone():
    bench = ProgramBench()
    bench.send(f'def f():\nmovej({Q}, v=0.2)\nend\n')
    bench.tick(50)
    bench.send('sec s():\nset_digital_out(3, True)\nset_tool_digital_out(0, True)\nend\n')
    bench.tick(5)
    assert bench.state == RuntimeState.PLAYING
    assert bench.values['actual_digital_output_bits'][0] == 1 << 3 | 1 << 16
    bench.tick(1000)
    np.testing.assert_allclose(bench.arm.position_rad, HOME_RAD + 0.1, atol=1e-3)


def test_a_secondary_program_cannot_move(caplog):
    bench = ProgramBench()
    bench.send(f'sec s():\nmovej({Q})\nend\n')
    bench.tick(10)
    assert 'movej is not emulated' in caplog.text
    np.testing.assert_allclose(bench.arm.position_rad, HOME_RAD, atol=1e-4)


def test_settings_by_lines():
    bench = ProgramBench()
    for line in ('set_payload(1.5, [0, 0, 0.1])', 'set_tcp(p[0,0,0.1,0,0,0])',
                 'set_standard_analog_out(0, 0.5)', 'zero_ftsensor()', 'textmsg("x=", 3)'):
        bench.run(line + '\n')
    assert bench.values['payload'] == (1.5,)
    assert bench.values['payload_cog'] == (0.0, 0.0, 0.1)
    assert bench.arm.tool.offset[2] == 0.1
    assert bench.said == ['x=3']


def test_a_blocking_popup_waits_until_it_is_closed():
    bench = ProgramBench()
    bench.send('def f():\npopup("hello", blocking=True)\nend\n')
    bench.tick(100)
    assert bench.pendant.popup == 'hello'
    assert bench.state == RuntimeState.PLAYING
    bench.pendant.popup = ''
    bench.tick(2)
    assert bench.state == RuntimeState.STOPPED


def test_blended_moves_do_not_stop_in_between():
    middle = HOME_RAD + np.array((0.3, 0, 0, 0, 0, 0))
    end = middle + np.array((0, 0.3, 0, 0, 0, 0))
    slowest = {}
    for blend in (0.0, 0.1):
        bench = ProgramBench()
        bench.send(f'def f():\nmovej({middle.tolist()}, r={blend})\nmovej({end.tolist()})\nend\n')
        speeds = []
        while bench.state == RuntimeState.PLAYING:
            bench.tick()
            speeds.append(np.abs(bench.arm.reference.velocity_rad_s).max())
        slowest[blend] = min(speeds[100:-100])
        bench.tick(100)
        np.testing.assert_allclose(bench.arm.position_rad, end, atol=1e-3)
    assert slowest[0.0] < 1e-3
    assert slowest[0.1] > 0.1


def test_movec_follows_its_circle():
    bench = ProgramBench()
    start = bench.arm.tool.pose(HOME_RAD)
    centre = start[:3] + np.array((0.0, 0.1, 0.0))
    via, end = start.copy(), start.copy()
    via[:3] = centre + np.array((0.0, 0.0, -0.1))
    end[:3] = centre + np.array((0.0, 0.1, 0.0))
    bench.send(f'movec(p{via.tolist()}, p{end.tolist()}, v=0.1)\n')
    lowest = 1.0
    while bench.state == RuntimeState.PLAYING:
        bench.tick()
        now = bench.arm.tool.pose(bench.arm.reference.position_rad)[:3]
        lowest = min(lowest, now[2])
        assert np.linalg.norm(now - centre) == pytest.approx(0.1, abs=1e-5)
    np.testing.assert_allclose(now, end[:3], atol=1e-5)
    assert lowest == pytest.approx(via[2], abs=1e-4)


def test_a_watchdog_pauses_or_stops():
    for action, state in (('pause', RuntimeState.PAUSED), ('stop', RuntimeState.STOPPED)):
        bench = ProgramBench()
        bench.send(f'def f():\nrtde_set_watchdog("input_int_register_0", 10, "{action}")\n'
                   'sleep(10)\nend\n')
        bench.tick(40, written={'input_int_register_0'})
        assert bench.state == RuntimeState.PLAYING
        bench.tick(60)
        assert bench.state == state


@pytest.mark.parametrize(('text', 'said'), [
    ('def f():\nwhile True:\nx = 1\nend\nend\n', 'sync'),
    ('def f():\ndef g():\ng()\nend\ng()\nend\n', 'calls in each other'),
    ('def f():\nthread t():\nsleep(9)\nend\nwhile True:\nrun t()\nend\nend\n', 'threads'),
    ('x = ' + '+'.join('1' * 9000) + '\n', 'calls in each other'),
    ('x = [' + ','.join('1' * 9000) + ']\n', 'sync'),
    ('fly(3)\n', 'fly is not emulated'),
    ('x = y\n', "'y' has no value"),
    ('movej([1, 2])\n', '6 numbers'),
    ('movej()\n', 'movej'),
    ('x = 1 / 0\n', 'division'),
    ('x = "a" * 1000000000\n', 'no such operation'),
    ('x = 2147483647 * 2147483647\n', 'integers'),
    ('write_output_integer_register(0, 9999999999)\n', '32 bits'),
    ('write_output_integer_register(99, 1)\n', 'there is no output_int_register_99'),
    ('set_digital_out(9, True)\n', '0 to 7'),
    ('set_payload(50)\n', '0 to 5'),
    ('movel(p[5,0,0,0,0,0])\n', 'no joint angles found'),
])
def test_what_a_program_cannot_do_ends_it_and_is_said(text, said, caplog):
    bench = ProgramBench()
    bench.send(text)
    bench.tick(5)
    assert bench.state == RuntimeState.STOPPED
    assert said in caplog.text


@pytest.mark.parametrize('text', [
    'def f(:\nend\n', 'x = \n', 'movej([1,2\n', '1 = 2\n', 'x = $\n'])
def test_what_is_no_urscript_is_refused_and_does_not_stop_the_program(text, caplog):
    bench = ProgramBench()
    bench.send('def f():\nsleep(10)\nend\n')
    bench.send(text)
    bench.tick(3)
    assert bench.state == RuntimeState.PLAYING


def test_a_script_that_is_too_long_is_refused(caplog):
    bench = ProgramBench()
    assert bench.send('# ' + 'x' * 100 + '\n') == [False]
    assert bench.send('def f():\n' + 'x = 1\n' * 30_000 + 'end\n') == [False]
    assert 'characters' in caplog.text


def test_an_impossible_target_is_a_protective_stop():
    bench = ProgramBench()
    bench.send('movej([9,0,0,0,0,0])\n')
    bench.tick(3)
    assert bench.controller.safety_mode == SafetyMode.PROTECTIVE_STOP


def test_a_paused_program_goes_on_where_it_was():
    bench = ProgramBench()
    bench.send(f'def f():\nmovej({Q}, v=0.2)\nset_digital_out(0, True)\nend\n')
    bench.tick(100)
    assert bench.controller.pause_program()
    bench.tick(500)
    assert np.abs(bench.arm.velocity_rad_s).max() < 1e-3
    assert bench.values['actual_digital_output_bits'] == (0,)
    assert bench.controller.resume_program()
    bench.tick(600)
    np.testing.assert_allclose(bench.arm.position_rad, HOME_RAD + 0.1, atol=1e-3)
    assert bench.values['actual_digital_output_bits'] == (1,)


WORDS = ('def f():', 'end', 'if True:', 'else:', 'while x < 3:', 'x = x + 1', 'x = [x, x]',
         'sync()', 'return x', 'break', 'run f()', 'kill x', '(', ')', '[', ']', 'p[', '-',
         'thread t():', 'movej(x)', 'x[0] = 1', 'global x = 1', 'halt', '"', '1e999', 'f(x, y=2)')


@settings(max_examples=150, deadline=None)
@given(lines=st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=20)), max_size=12))
@example(lines=['('] * 500)
@example(lines=['x = ' + '[' * 500])
@example(lines=['x = ' + '-' * 5000 + '1'])
@example(lines=['if True:'] * 200)
def test_no_text_whatever_breaks_the_interpreter(lines):
    bench = ProgramBench()
    text = '\n'.join(lines)
    with contextlib.suppress(ScriptError):
        parse(text)
    bench.send(f'def p():\nglobal x = 1\n{text}\nend\n')
    bench.tick(5)
    assert np.isfinite(bench.arm.position_rad).all()
