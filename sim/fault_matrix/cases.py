"""The table of faults."""

from collections.abc import Callable
from pathlib import Path
import shutil
import signal

from fault_matrix.case import (
    RAMP_RAD_S2,
    ROUND_S,
    STALE_S,
    WATCHDOG_S,
    Case,
)
from fault_matrix.injections import (
    TABLE_Z_M,
    Scene,
    fill_disk,
    from_centre,
    goal_at,
    hog_memory,
    hog_processors,
    in_turn,
    not_a_number,
    robot,
    send_signal,
    slide_speed,
    storm,
    unknown_frame,
    wait,
)
from fault_matrix.rigged_bundle import RIGGED, goal_of, renew_hashes
from perl_bringup import paths
from perl_core.contract import Contract
from perl_msgs.action import Reach

KILL, STOP, CONTINUE = signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT
LOST_S = 2.0 * STALE_S + ROUND_S
"""The monitor waits twice as long as the filter for a new state."""
LOCAL_S = 0.5 + ROUND_S
"""The monitor asks twice a second."""
DEAD = r'was ended by SIGKILL'
STATE_LOST = (r'stale_state',)
CUT = (r'the connection to the robot is lost',)


def killed(name: str, title: str, reason: str, **more: object) -> Case:
    """Return the case of a process that is killed."""
    return Case(
        name=f'kill {title}', group='processes', what=f'SIGKILL of {title}',
        inject=send_signal(name, KILL), come='stops', ends_stack=True, reasons=(reason,),
        **more,  # type: ignore[arg-type]
    )


def frozen(name: str, title: str, **more: object) -> Case:
    """Return the case of a process that is frozen for a while."""
    return Case(
        name=f'freeze {title}', group='processes', what=f'SIGSTOP of {title}, later SIGCONT',
        inject=send_signal(name, STOP), **more,  # type: ignore[arg-type]
    )


PROCESSES = (
    killed('loop', 'control loop', r'the control loop ended with status -9',
           detect_s=WATCHDOG_S + ROUND_S),
    killed('perl_controller', 'controller node', rf'perl_controller {DEAD}'),
    killed('perl_safety_monitor', 'monitor', rf'perl_safety_monitor {DEAD}'),
    killed('perl_recorder', 'recorder', rf'perl_recorder {DEAD}', detect_s=0.5),
    killed('perl_lifecycle_manager', 'lifecycle manager', rf'perl_lifecycle_manager {DEAD}',
           detect_s=0.5),
    killed('runner', 'runner', r'^$', detect_s=0.5),
    killed('emulator', 'robot controller', CUT[0], new_emulator=True, detect_s=LOST_S),
    frozen('loop', 'control loop', come='stops', detect_s=WATCHDOG_S + ROUND_S, ends_stack=True,
           reasons=(r'the control loop has been silent',)),
    Case(name='control loop stutters', group='processes',
         what='SIGSTOP of the control loop for 0.5 s', come='stops', detect_s=WATCHDOG_S + ROUND_S,
         inject=in_turn(send_signal('loop', STOP), wait(0.5), send_signal('loop', CONTINUE)),
         reasons=(r'target_refused', r'stale_state', r'runtime_state', r'overrun', r'heartbeat')),
    frozen('perl_controller', 'controller node', come='stops', reasons=(r'node_heartbeat',),
           deceleration_rad_s2=RAMP_RAD_S2),
    frozen('perl_safety_monitor', 'monitor', come='stops', reasons=(r'monitor_heartbeat',),
           deceleration_rad_s2=RAMP_RAD_S2),
    frozen('perl_recorder', 'recorder', come='goes_on'),
    frozen('perl_lifecycle_manager', 'lifecycle manager', come='goes_on'),
    frozen('runner', 'runner', come='goes_on'),
    Case(name='freeze robot controller', group='processes',
         what='SIGSTOP of the emulated robot for 0.5 s', lates_arm=True,
         inject=in_turn(
             send_signal('emulator', STOP), wait(0.5), send_signal('emulator', CONTINUE)),
         come='stops', reasons=STATE_LOST, detect_s=0.5 + ROUND_S),
)

STREAM = (
    Case(name='frozen stream', group='connection', what='no RTDE package comes any more',
         inject=robot('freeze_stream'), come='stops', reasons=STATE_LOST, detect_s=LOST_S),
    Case(name='short freeze', group='connection', what='no RTDE package for 40 ms',
         inject=robot('freeze_stream', for_s=0.04), come='goes_on'),
    Case(name='late packages', group='connection', what='RTDE packages 150 ms late',
         inject=robot('delay_packages', delay_s=0.15), come='either',
         reasons=(*STATE_LOST, r'deviation')),
    Case(name='jittered packages', group='connection', what='RTDE packages up to 30 ms late',
         inject=robot('delay_packages', delay_s=0.0, jitter_s=0.03), come='goes_on'),
    Case(name='half the packages lost', group='connection', what='half of all RTDE packages lost',
         inject=robot('drop_packages', share=0.5), come='goes_on'),
    Case(name='all packages lost', group='connection', what='all RTDE packages lost',
         inject=robot('drop_packages', share=1.0), come='stops', reasons=STATE_LOST,
         detect_s=LOST_S),
    Case(name='RTDE cut', group='connection', what='RTDE connections reset, new ones too',
         inject=robot('cut_connections', service='RTDE', for_s=1.0), come='stops',
         reasons=CUT, detect_s=WATCHDOG_S + ROUND_S,
         ends_stack=True),
    Case(name='RTDE cut once', group='connection', what='RTDE connections reset once',
         inject=robot('cut_connections', service='RTDE', for_s=0.0), come='stops',
         reasons=CUT, detect_s=WATCHDOG_S + ROUND_S,
         ends_stack=True),
    Case(name='RTDE half-open', group='connection', what='RTDE connections dead without an end',
         inject=robot('half_open', service='RTDE'), come='stops', reasons=CUT,
         detect_s=LOST_S, ends_stack=True),
    Case(name='everything cut', group='connection', what='all connections reset, new ones too',
         inject=robot('cut_connections', service='all', for_s=1.0), come='stops',
         reasons=CUT, detect_s=WATCHDOG_S + ROUND_S,
         ends_stack=True),
    Case(name='dashboard dead', group='connection', what='the dashboard resets connections',
         inject=robot('cut_connections', service='dashboard', for_s=60.0), come='goes_on'),
    Case(name='dashboard mute', group='connection', what='the dashboard does not answer',
         inject=robot('no_replies', service='dashboard'), come='goes_on'),
    Case(name='dashboard dead, monitor must stop', group='connection',
         what='the dashboard is dead, then a joint seems too fast: only the heartbeat is left',
         inject=in_turn(robot('cut_connections', service='dashboard', for_s=60.0),
                        robot('sensor_bias', of='actual_qd', by=[3.0, 0, 0, 0, 0, 0])),
         come='stops', reasons=(r'(monitor:)?joint_speed:shoulder_pan_joint',)),
    Case(name='clock jumps ahead', group='connection', what="the robot's clock jumps by 10 s",
         inject=robot('clock_jump', by_s=10.0), come='goes_on'),
    Case(name='clock jumps back', group='connection', what="the robot's clock jumps by -10 s",
         inject=robot('clock_jump', by_s=-10.0), come='goes_on'),
)

ROBOT = (
    Case(name='protective stop', group='robot', what='a protective stop',
         inject=robot('protective_stop'), come='stops', reasons=(r'protective',),
         detect_s=ROUND_S),
    Case(name='safeguard stop', group='robot', what='the safeguard opens',
         inject=robot('safeguard_stop'), come='stops', reasons=(r'safeguard',), detect_s=ROUND_S),
    Case(name='emergency stop', group='robot', what="the robot's emergency stop",
         inject=robot('emergency_stop', button='robot'), come='stops', reasons=(r'emergency',),
         detect_s=ROUND_S),
    Case(name='system emergency stop', group='robot', what='the emergency stop of the system',
         inject=robot('emergency_stop', button='system'), come='stops', reasons=(r'emergency',),
         detect_s=ROUND_S),
    Case(name='violation', group='robot', what='a violation of a safety limit',
         inject=robot('violation'), come='stops', reasons=(r'violation',), detect_s=ROUND_S),
    Case(name='drive fault', group='robot', what="the elbow's drive fails",
         inject=robot('joint_drive_fault', joint='elbow_joint'), come='stops',
         reasons=(r'fault',), detect_s=ROUND_S),
    Case(name='local mode', group='robot', what='somebody takes over at the teach pendant',
         inject=robot('local_mode'), come='stops', reasons=(r'^monitor:local_mode',),
         detect_s=LOCAL_S),
    Case(name='arm switched off', group='robot', what='the arm is switched off',
         inject=robot('robot_mode', mode='power_off'), come='stops',
         reasons=(r'robot_mode', r'target_refused', r'runtime_state'), detect_s=ROUND_S),
    Case(name='brakes closed', group='robot', what='the brakes are closed (idle)',
         inject=robot('robot_mode', mode='idle'), come='stops',
         reasons=(r'robot_mode', r'target_refused', r'runtime_state'), detect_s=ROUND_S),
    Case(name='power loss', group='robot', what='the supply fails for 3 s',
         inject=robot('power_loss', for_s=3.0), come='stops', reasons=CUT,
         detect_s=LOST_S, ends_stack=True),
    Case(name='reduced mode', group='robot', what='reduced mode', inject=robot('reduced_mode'),
         come='either', reasons=(r'protective', r'deviation', r'target_refused')),
    Case(name='speed slider to 0', group='robot', what='the speed slider goes to 0',
         inject=slide_speed(0.0), come='either', reasons=(r'speed_scaling', r'deviation')),
    Case(name='hard push', group='robot', what='a contact of 200 N at the flange for 0.3 s',
         inject=robot('contact', force_n=[140.0, 140.0, 0.0], for_s=0.3), come='either',
         reasons=(r'tool_force', r'protective', r'deviation')),
    Case(name='soft push', group='robot', what='a contact of 20 N at the flange for 0.5 s',
         inject=robot('contact', force_n=[20.0, 0.0, 0.0], for_s=0.5), come='goes_on'),
    Case(name='position sensor wrong', group='robot', what='joint angles read 0.5 rad too much',
         inject=robot('sensor_bias', of='actual_q', by=[0.5, 0, 0, 0, 0, 0]), come='stops',
         reasons=(r'deviation:shoulder_pan_joint', r'monitor:workspace'), detect_s=ROUND_S,
         deceleration_rad_s2=RAMP_RAD_S2),
    Case(name='over-speed', group='robot', what='a joint reports 3 rad/s too much',
         inject=robot('sensor_bias', of='actual_qd', by=[0, 3.0, 0, 0, 0, 0]), come='stops',
         reasons=(r'(monitor:)?joint_speed:shoulder_lift_joint',)),
    Case(name='tool over-speed', group='robot', what='two joints report 2.5 rad/s too much',
         inject=robot('sensor_bias', of='actual_qd', by=[2.5, 2.5, 0, 0, 0, 0]), come='stops',
         reasons=(r'(monitor:)?(tool_speed|joint_speed)',)),
    Case(name='outside the workspace', group='robot', what='joint angles read out of the sphere',
         inject=robot('sensor_bias', of='actual_q', by=[2.5, 0, 0, 0, 0, 0]), come='stops',
         reasons=(r'deviation', r'monitor:workspace'), detect_s=ROUND_S),
)


def _rigged(name: str) -> Callable[[Scene], Reach.Goal]:
    return lambda _: goal_at(goal_of(RIGGED[name], Contract()))


POLICY = tuple(
    Case(name=f'{name.replace(":", " ").replace("_", " ")}', group='policy',
         what=f'{RIGGED[name].graph}.onnx says {RIGGED[name].value:g} on the way to a goal',
         inject=wait(0.0), come='stops', reasons=(r'^policy_',), variant='rigged',
         goal=_rigged(name), detect_s=3.0, deceleration_rad_s2=RAMP_RAD_S2)
    for name in RIGGED
)

GOALS = (
    Case(name='goal in the table', group='goals', what='a goal below the table', at_rest=True,
         goal=lambda _: goal_at((-0.49, -0.13, TABLE_Z_M)), come='refuses_goal',
         reasons=(r'outside its radius',)),
    Case(name='goal out of reach', group='goals', what='a goal at 2 m', at_rest=True,
         goal=lambda _: goal_at((2.0, 0.0, 0.5)), come='refuses_goal',
         reasons=(r'outside its radius',)),
    Case(name='goal that is no number', group='goals', what='a goal with NaN', at_rest=True,
         goal=lambda _: not_a_number(), come='refuses_goal', reasons=(r'must be finite',)),
    Case(name='goal in an unknown frame', group='goals', what='a goal in the frame "moon"',
         at_rest=True, goal=lambda _: unknown_frame(), come='refuses_goal',
         reasons=(r'unknown frame',)),
    Case(name='goal storm', group='goals', what='50 goals in a second', inject=storm(50, 0.02),
         come='goes_on'),
    Case(name='goal flood', group='goals', what='200 goals at once', inject=storm(200, 0.0),
         come='goes_on'),
    Case(name='joint-limit run', group='goals', what='goals at the edge of the reach, in turn',
         inject=storm(5, 0.5), goal=lambda _: goal_at(from_centre((-0.34, 0.0, 0.0))),
         come='goes_on', hold_s=2.0),
)

MACHINE = (
    Case(name='disk full', group='machine', what='the recorder can write no byte more',
         inject=fill_disk, come='stops', ends_stack=True, detect_s=1.5,
         reasons=(r'perl_recorder ended with exit code 1: .*[Ff]ile too large',)),
    Case(name='processors busy', group='machine', what='every processor busy twice over',
         inject=hog_processors, come='either', hold_s=2.0,
         reasons=(r'stale_state', r'heartbeat', r'overrun', r'deviation', r'target_refused')),
    Case(name='memory short', group='machine', what='half of the free memory taken',
         inject=hog_memory, come='either', hold_s=2.0,
         reasons=(r'stale_state', r'heartbeat', r'overrun')),
)


def _broken(change: Callable[[Path], None]) -> Callable[[Scene], tuple[str, ...]]:
    """Return what makes a bundle that is broken in this way, and names it."""
    def words(scene: Scene) -> tuple[str, ...]:
        folder = scene.stage.folder / 'broken'
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(paths.shipped_bundle(), folder)
        change(folder)
        return (f'bundle:={folder}',)

    return words


def _flip_a_bit(folder: Path) -> None:
    path = folder / 'gate.onnx'
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _swap(folder: Path) -> None:
    """Exchange two graphs, and let the manifest agree."""
    one, other = folder / 'actor_standard.onnx', folder / 'gate.onnx'
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)
    renew_hashes(folder)


def _limits(old: str, new: str) -> Callable[[Scene], tuple[str, ...]]:
    def words(scene: Scene) -> tuple[str, ...]:
        from_package = (paths.source_tree() or Path()) / (
            'ros2_ws/src/perl_safety/perl_safety/config/limits.yaml')
        file = scene.stage.folder / 'limits.yaml'
        file.write_text(from_package.read_text().replace(old, new))
        return (f'limits_file:={file}',)

    return words


def start(name: str, what: str, reason: str, **more: object) -> Case:
    """Return the case of a start that must be refused."""
    return Case(name=name, group='start', what=what, come='refuses_start', reasons=(reason,),
                ends_stack=True, at_rest=True, **more)  # type: ignore[arg-type]


STARTS = (
    start('bundle with a wrong bit', 'one bit of an ONNX file is another', r'was altered',
          words=_broken(_flip_a_bit)),
    start('bundle with swapped files', 'two ONNX files are exchanged, with valid hashes',
          r'must map', words=_broken(_swap)),
    start('bundle without a file', 'an ONNX file is missing', r'cannot read',
          words=_broken(lambda folder: (folder / 'gate.onnx').unlink())),
    start('limits beyond the robot', 'a speed limit of 4 rad/s', r'max_joint_speed_rad_s must be',
          words=_limits('max_joint_speed_rad_s: 2.2', 'max_joint_speed_rad_s: 4.0')),
    start('start in local mode', 'the robot is in local mode', r'local (mode|control)',
          emulator=('--local-mode',), new_emulator=True),
    start('start in a protective stop', 'the robot is in a protective stop', r'PROTECTIVE_STOP',
          emulator=('--protective-stop',), new_emulator=True),
    start('start switched off', 'the arm is switched off', r'POWER_OFF',
          emulator=('--powered-off',), new_emulator=True),
    start('start with IN_USE', 'the RTDE inputs belong to somebody else', r'perl_controller',
          inject=robot('inputs_in_use')),
    start('script never starts', 'the control script does not start', r'perl_controller',
          inject=robot('script_never_starts')),
    start('start without a stream', 'RTDE sends nothing', r'does not stream|sends no new state',
          inject=robot('freeze_stream')),
    start('RTDE START refused', 'RTDE refuses to start', r'refused', inject=robot('refuse_start')),
    start('ROS discovery lost', 'no node can find another: discovery range OFF',
          r'expected a lifecycle node',
          environment=(('ROS_AUTOMATIC_DISCOVERY_RANGE', 'OFF'),)),
)

CASES: tuple[Case, ...] = (*STREAM, *ROBOT, *GOALS, *MACHINE, *PROCESSES, *STARTS, *POLICY)
"""All faults. Those after which the stack goes on come first."""
