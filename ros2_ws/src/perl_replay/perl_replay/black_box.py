"""A black box as a bag: what the recorder would have written of the last seconds before a stop.

Goals have no end in it but that by the stop, since the node that ends them is not asked; the bag
calls those UNFINISHED. Everything else is as it was: every tick's timing, every decision of the
policy, and the measured joints at the full rate.
"""

from collections.abc import Iterator
from pathlib import Path
import shutil
from typing import Any, NamedTuple

import numpy as np
from perl_core.black_box import SUFFIX, BlackBox, read_black_box
from perl_core.contract import JOINT_NAMES
from perl_core.errors import BagError
from perl_core.observation import reach_errors
from perl_core.rotation import quaternion_from_rotation
from rosbags.interfaces import Nodetype
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from perl_replay.bag_writer import BagWriter
from perl_replay.definitions import load_definition
from perl_replay.topics import (
    COMMAND,
    CONTROLLER_STATE,
    FILTER_SAFETY,
    JOINT_STATES,
    LOOP_TIMING,
    MONITOR_SAFETY,
    POLICY_STATE,
    REACH_EVENTS,
    select_topics,
)

TOPICS = (
    JOINT_STATES, COMMAND, POLICY_STATE, LOOP_TIMING, CONTROLLER_STATE, FILTER_SAFETY,
    REACH_EVENTS, MONITOR_SAFETY,
)
"""The monitor's is announced only: the control loop does not see more of it than its stop."""
_NANOSECONDS = 1_000_000_000
_STOP = 2
"""Severity of SafetyState.msg."""
_STARTED, _STOPPED = 255, 4
"""Events of ReachEvent.msg."""
_DEFAULT_TOLERANCE = (0.01, 0.0873)
"""Of Reach.action [m, rad]; the control loop is not told of others."""
_STATE_RATE_HZ = 10


class Row(NamedTuple):
    """One message of the bag to be."""

    time_ns: int
    """Unix time."""
    topic: str
    """Full name."""
    fields: dict[str, Any]
    """Of the message, but for the header."""


def as_bag(path: Path) -> Path:
    """Return a bag: the path itself, or what a black box was written to, beside it.

    Raises:
        BagError: it is no black box, or the bag cannot be written.
    """
    if path.suffix != SUFFIX:
        return path
    folder = path.with_suffix('')
    if not folder.exists():
        write_bag(read_black_box(path), folder)
    return folder


def write_bag(box: BlackBox, folder: Path) -> None:
    """Write a black box as a bag.

    Raises:
        BagError: a signal is missing, or the folder exists or cannot be written.
    """
    try:
        rows = sorted(_rows(box), key=lambda row: row.time_ns)
    except KeyError as error:
        raise BagError(f'the black box lacks the signal {error}; it has {sorted(box.signals)}'
                       ) from error
    writer = BagWriter(folder)
    try:
        _write(box, rows, writer)
        writer.close()
    except BaseException:
        # Half a bag would be taken for the whole one the next time.
        writer.abandon()
        shutil.rmtree(folder)
        raise


def _write(box: BlackBox, rows: list[Row], writer: BagWriter) -> None:
    """Write topics, what is known of the run, and all messages."""
    store, types = get_typestore(Stores.EMPTY), {}
    for topic in select_topics(TOPICS):
        definition = load_definition(topic.type)
        store.register(get_types_from_msg(definition.text, topic.type))
        types[topic.name] = topic.type
        writer.add_topic(topic.name, definition, topic.latched)
    header = box.header
    writer.add_metadata('perl_robot', {
        'robot_ip': header.robot_ip, 'bundle_sha256': header.bundle_sha256,
    })
    writer.add_metadata('perl_settings', {
        'bundle.path': header.bundle, 'limits.text': header.limits,
        'limits.sha256': header.limits_sha256, 'calibration.sha256': header.calibration_sha256,
        'black_box.cause': header.cause,
    })
    for time_ns, topic, fields in rows:
        stamp = dict(zip(('sec', 'nanosec'), divmod(time_ns, _NANOSECONDS), strict=True))
        content = {'header': {'stamp': stamp, 'frame_id': ''}, **fields}
        message = _filled(store, types[topic], content)
        data = bytes(store.serialize_cdr(message, types[topic]))
        writer.write(topic, data, time_ns, time_ns)


def _filled(store: Any, type_name: str, fields: dict[str, Any]) -> Any:
    """Return a message; what is itself a message is given as a dictionary."""
    values = {}
    for name, (kind, inner) in store.fielddefs[type_name][1]:
        value = fields[name]
        values[name] = _filled(store, inner, value) if kind == Nodetype.NAME else value
    return store.types[type_name](**values)


def _rows(box: BlackBox) -> Iterator[Row]:
    """Return all messages, topic by topic."""
    signals = box.signals
    times_ns = signals['deadline_ns'] + box.header.unix_offset_ns
    rate_hz = int(box.header.contract['control_rate_hz'])
    substeps = rate_hz // int(box.header.contract['policy_rate_hz'])
    yield from _joints(signals, times_ns)
    yield from _commands(signals, times_ns, substeps)
    yield from _decisions(signals, times_ns)
    yield from _timing(signals, times_ns, rate_hz // _STATE_RATE_HZ)
    yield from _states(box, times_ns, rate_hz // _STATE_RATE_HZ)
    yield from _events(signals, times_ns, substeps)


def _joints(signals: Any, times_ns: np.ndarray) -> Iterator[Row]:
    for i, time_ns in enumerate(times_ns.tolist()):
        yield Row(time_ns, JOINT_STATES, {
            'name': list(JOINT_NAMES), 'position': signals['measured_rad'][i],
            'velocity': signals['measured_rad_s'][i], 'effort': np.zeros(0),
        })


def _commands(signals: Any, times_ns: np.ndarray, substeps: int) -> Iterator[Row]:
    begin = 0
    for i in np.flatnonzero(signals['tick'] % substeps == 0).tolist():
        yield Row(int(times_ns[i]), COMMAND, {
            'tick': int(signals['tick'][i]), 'name': list(JOINT_NAMES),
            'asked_rad': signals['asked_rad'][i], 'sent_rad': signals['sent_rad'][i],
            'measured_rad': signals['measured_rad'][i],
            'limited': bool(signals['limited'][begin : i + 1].any()),
        })
        begin = i + 1


def _decisions(signals: Any, times_ns: np.ndarray) -> Iterator[Row]:
    for i in np.flatnonzero(signals['policy_ran']).tolist():
        errors = reach_errors(signals['observation'][i])
        yield Row(int(times_ns[i]), POLICY_STATE, {
            'tick': int(signals['tick'][i]), 'goal_id': signals['goal_id'][i],
            'goal': _pose(signals, i), 'observation': signals['observation'][i],
            'action': signals['action'][i], 'shadow': bool(signals['shadow'][i]),
            'gate': float(signals['gate'][i]), 'branch': int(signals['branch'][i]),
            'position_error_m': float(errors.position_m),
            'rotation_error_rad': float(errors.rotation_rad),
            'inference_us': float(signals['inference_us'][i]),
        })


def _timing(signals: Any, times_ns: np.ndarray, ticks: int) -> Iterator[Row]:
    # A message holds consecutive ticks only.
    gaps = np.flatnonzero(np.diff(signals['tick'].astype(np.int64)) != 1) + 1
    for part in np.split(np.arange(len(times_ns)), gaps):
        for chosen in np.array_split(part, max(1, len(part) // ticks)):
            last = chosen[-1]
            yield Row(int(times_ns[last]), LOOP_TIMING, {
                'first_tick': int(signals['tick'][chosen[0]]),
                **{name: signals[name][chosen]
                   for name in ('lateness_us', 'work_us', 'state_age_us')},
                **{name: int(signals[name][last])
                   for name in ('overruns', 'skipped', 'policy_misses')},
            })


def _states(box: BlackBox, times_ns: np.ndarray, every: int) -> Iterator[Row]:
    signals = box.signals
    changed = np.diff(signals['state'].astype(int), prepend=-1) != 0
    changed[1:] |= signals['reasons'][1:] != signals['reasons'][:-1]
    for i in np.flatnonzero(changed | (signals['tick'] % every == 0)).tolist():
        stopped = signals['severity'][i] == _STOP
        reasons = signals['reasons'][i].decode(errors='replace')
        yield Row(int(times_ns[i]), CONTROLLER_STATE, {
            'state': int(signals['state'][i]), 'reason': reasons if stopped else '',
            'bundle_sha256': box.header.bundle_sha256, 'robot_ip': box.header.robot_ip,
            **{name: int(signals[name][i])
               for name in ('robot_mode', 'safety_mode', 'safety_status_bits', 'runtime_state')},
            **{name: float(signals[name][i]) for name in ('speed_scaling', 'speed_scale')},
            'shadow': box.header.shadow,
        })
        yield Row(int(times_ns[i]), FILTER_SAFETY, {
            'source': 'filter', 'severity': int(signals['severity'][i]),
            'reasons': reasons.split('; ') if reasons else [],
            'limited_ticks': int(signals['limited_ticks'][i]), 'stops': int(signals['stops'][i]),
        })


def _events(signals: Any, times_ns: np.ndarray, substeps: int) -> Iterator[Row]:
    """Return the beginning of every goal that was pursued, and its end if that was the stop."""
    stopped = signals['severity'] == _STOP
    ran = np.flatnonzero(signals['policy_ran'])
    sequences = signals['goal_sequence'][ran]
    for sequence in np.unique(sequences).tolist():
        mine = ran[sequences == sequence]
        yield _event(signals, int(times_ns[mine[0]]), int(mine[0]), _STARTED, 0.0)
        # A goal that was pursued until the stop was decided on in the period before it.
        ending = np.flatnonzero(stopped[mine[-1] : mine[-1] + substeps + 1])
        if len(ending):
            stop_ns = int(times_ns[mine[-1] + ending[0]])
            lasted_s = (stop_ns - int(times_ns[mine[0]])) / _NANOSECONDS
            yield _event(signals, stop_ns, int(mine[-1]), _STOPPED, lasted_s)


def _event(signals: Any, time_ns: int, i: int, event: int, duration_s: float) -> Row:
    errors = reach_errors(signals['observation'][i])
    reasons = signals['reasons'][-1].decode(errors='replace') if event == _STOPPED else ''
    return Row(time_ns, REACH_EVENTS, {
        'goal_id': signals['goal_id'][i], 'event': event, 'goal': _pose(signals, i),
        'position_tolerance_m': _DEFAULT_TOLERANCE[0],
        'rotation_tolerance_rad': _DEFAULT_TOLERANCE[1], 'timeout_s': 0.0,
        'position_error_m': float(errors.position_m),
        'rotation_error_rad': float(errors.rotation_rad),
        'duration_s': duration_s, 'message': reasons,
    })


def _pose(signals: Any, i: int) -> dict[str, Any]:
    quaternion = quaternion_from_rotation(signals['goal_rotation'][i]).tolist()
    return {
        'position': dict(zip('xyz', signals['goal_position_m'][i].tolist(), strict=True)),
        'orientation': dict(zip('xyzw', quaternion, strict=True)),
    }
