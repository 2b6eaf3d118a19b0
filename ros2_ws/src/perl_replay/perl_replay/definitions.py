"""Message definitions, read from the share folders of the installed packages.

A bag carries the text of every message it holds, with that of all messages inside it, so that it
can be read where the packages are not installed. Layout: MCAP registry, schema encoding ros2msg.
"""

import dataclasses
import json
from pathlib import Path
import re

from perl_core.errors import BagError

_SEPARATOR = '=' * 80
_PRIMITIVES = frozenset((
    'bool', 'byte', 'char', 'float32', 'float64', 'string', 'wstring',
    'int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64',
))
_FIELD_TYPE = re.compile(r'^\s*([A-Za-z][A-Za-z0-9_/]*)(?:<=\d+)?(?:\[[^\]]*\])?\s+[A-Za-z]')
_ACTION_FEEDBACK = '_FeedbackMessage'


@dataclasses.dataclass(frozen=True, kw_only=True)
class Definition:
    """What a reader must know of a message type."""

    type: str
    """Full type name."""
    text: str
    """The message's own text, then that of every message it contains."""
    type_hash: str
    """RIHS01 hash (REP-2016), or empty where the package was installed without it."""


def load_definition(type_name: str) -> Definition:
    """Return the definition of an installed message or action feedback.

    Args:
        type_name: 'package/msg/Name' or 'package/action/Name_FeedbackMessage'.

    Raises:
        BagError: the package or the message is not installed.
    """
    package, kind, name = _split(type_name)
    if kind == 'action':
        main, parts = _feedback_texts(package, name)
    else:
        main, parts = _read(package, 'msg', f'{name}.msg'), {}
    for text in (*parts.values(), main):
        _collect(package, text, parts)
    sections = [f'{_SEPARATOR}\nMSG: {part}\n{text.rstrip()}\n' for part, text in parts.items()]
    text = '\n'.join([main.rstrip() + '\n', *sections])
    return Definition(type=type_name, text=text, type_hash=_type_hash(package, kind, name))


def _split(type_name: str) -> tuple[str, str, str]:
    """Return package, kind and name of a full type name."""
    parts = type_name.split('/')
    if len(parts) != 3 or parts[1] not in ('msg', 'action'):
        raise BagError(
            f"a message type looks like 'package/msg/Name' or "
            f"'package/action/Name{_ACTION_FEEDBACK}'; got {type_name!r}"
        )
    return parts[0], parts[1], parts[2]


def _feedback_texts(package: str, name: str) -> tuple[str, dict[str, str]]:
    """Return the text of an action's feedback message, and that of the feedback inside it.

    rosidl derives both from the third part of the .action file and installs neither as .msg.
    """
    action = name.removesuffix(_ACTION_FEEDBACK)
    parts = re.split(r'^---.*$', _read(package, 'action', f'{action}.action'), flags=re.MULTILINE)
    if action == name or len(parts) != 3:
        raise BagError(f'no feedback of an action is called {package}/action/{name}')
    feedback = f'{package}/action/{action}_Feedback'
    main = f'unique_identifier_msgs/UUID goal_id\n{feedback} feedback\n'
    return main, {feedback: parts[2].strip() + '\n'}


def _collect(package: str, text: str, found: dict[str, str]) -> None:
    """Add to ``found`` every message that this text needs, depth first."""
    for part in _dependencies(package, text):
        if part not in found:
            inner_package, name = part.split('/')
            found[part] = _read(inner_package, 'msg', f'{name}.msg')
            _collect(inner_package, found[part], found)


def _dependencies(package: str, text: str) -> list[str]:
    """Return the message types of the fields, as 'package/Name'."""
    lines = (line.split('#')[0] for line in text.splitlines())
    matches = (_FIELD_TYPE.match(line) for line in lines)
    types = [match[1] for match in matches if match and match[1] not in _PRIMITIVES]
    full = [name if '/' in name else f'{package}/{name}' for name in types]
    return [name.replace('/msg/', '/') for name in full]


def _read(package: str, folder: str, file: str) -> str:
    """Return the text of an installed interface file."""
    path = _share(package, file) / folder / file
    try:
        return path.read_text('utf-8')
    except FileNotFoundError as error:
        raise BagError(f'the installed package {package} has no {folder}/{file}') from error
    except OSError as error:
        raise BagError(f'cannot read {folder}/{file} of the package {package}: {error}') from error


def _share(package: str, file: str) -> Path:
    """Return the folder of an installed package that has this interface file."""
    try:
        # Only who writes bags needs this; they are read where nothing of ROS is installed.
        from ament_index_python import packages  # noqa: PLC0415

        return Path(packages.get_package_share_directory(package))
    # KeyError: the package is not there; OSError: no AMENT_PREFIX_PATH.
    except (ImportError, KeyError, OSError) as error:
        raise BagError(
            f'the package {package} is needed for its {file} and is not installed in '
            f'AMENT_PREFIX_PATH; install it, or source its workspace'
        ) from error


def _type_hash(package: str, kind: str, name: str) -> str:
    """Return the hash that rosidl computed when the package was built."""
    stem = name.removesuffix(_ACTION_FEEDBACK) if kind == 'action' else name
    path = _share(package, f'{stem}.json') / kind / f'{stem}.json'
    if not path.is_file():
        return ''
    hashes = json.loads(path.read_text('utf-8')).get('type_hashes', [])
    return {entry['type_name']: entry['hash_string'] for entry in hashes}.get(
        f'{package}/{kind}/{name}', ''
    )
