"""The stack as launch actions. What runs, and with what, is data in ``perl_bringup.stack``."""

import os

from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    OpaqueFunction,
    RegisterEventHandler,
)
from launch.event_handlers import OnProcessIO
from launch.events.process import ProcessExited, ProcessIO
from launch_ros.actions import Node
from launch_ros.substitutions import ExecutableInPackage
from perl_bringup.arguments import ARGUMENTS, ArgumentSpec, parse_arguments
from perl_bringup.claim import Claim
from perl_bringup.stack import ProcessSpec, resolve, robot_ip_of
from perl_core.errors import ConfigError

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity

# launch leaves its children behind when killed; setpriv (util-linux) has the kernel tell them.
DIE_WITH_LAUNCH = ('setpriv', '--pdeathsig', 'TERM')
DISCOVERY = 'ROS_AUTOMATIC_DISCOVERY_RANGE'


def generate_launch_description() -> LaunchDescription:
    """Declare every argument, then start the processes that their values ask for."""
    declared = [declaration_of(spec) for spec in ARGUMENTS]
    return LaunchDescription([*declared, OpaqueFunction(function=start)])


def declaration_of(spec: ArgumentSpec) -> DeclareLaunchArgument:
    """Return the declaration of an argument."""
    return DeclareLaunchArgument(
        spec.name,
        default_value=spec.default,
        description=spec.description,
        choices=list(spec.choices) or None,
    )


def start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Check the arguments, claim the robot and return the actions."""
    parse_arguments(context.argv)
    values = {spec.name: context.launch_configurations[spec.name] for spec in ARGUMENTS}
    specs = resolve(values)
    # Held by the context, so as long as this launch runs.
    context.extend_globals({'perl_claim': Claim(robot_ip_of(specs), os.environ)})
    return in_order(specs)


def in_order(specs: tuple[ProcessSpec, ...]) -> list[LaunchDescriptionEntity]:
    """Return actions for all, those after a process with a ready line once it is said."""
    actions: list[LaunchDescriptionEntity] = []
    for index, spec in enumerate(specs):
        action = action_of(spec)
        actions.append(action)
        if spec.ready:
            return [*actions, when_ready(action, spec.ready, in_order(specs[index + 1 :]))]
    return actions


def when_ready(
    action: ExecuteProcess, line: str, then: list[LaunchDescriptionEntity]
) -> RegisterEventHandler:
    """Return the handler that starts the rest once, when the process says the line."""
    waiting = [*then]

    def heard(event: ProcessIO) -> list[LaunchDescriptionEntity]:
        said = any(text.startswith(line) for text in event.text.decode().splitlines())
        released = [*waiting] if said else []
        if said:
            waiting.clear()
        return released

    return RegisterEventHandler(OnProcessIO(target_action=action, on_stdout=heard))


def action_of(spec: ProcessSpec) -> ExecuteProcess:
    """Return the action that runs a process."""
    if spec.kind == 'program':
        program = ExecutableInPackage(package=spec.package, executable=spec.executable)
        return ExecuteProcess(
            cmd=[*DIE_WITH_LAUNCH, program, *spec.arguments],
            name=spec.name,
            output='screen',
            on_exit=ended,
        )
    return Node(
        package=spec.package,
        executable=spec.executable,
        name=spec.name,
        arguments=list(spec.arguments),
        parameters=[*spec.parameter_files, dict(spec.parameters)],
        ros_arguments=['--log-level', spec.log_level, '--enclave', spec.enclave],
        exec_name=spec.name,
        prefix=' '.join(DIE_WITH_LAUNCH),
        # Nothing is heard beyond this machine unless the caller says so.
        additional_env={DISCOVERY: os.environ.get(DISCOVERY, 'LOCALHOST')},
        output='screen',
        on_exit=ended,
    )


def ended(event: ProcessExited, context: LaunchContext) -> None:
    """End the launch, not with exit code 0, when a process ends before it is asked to."""
    if not context.is_shutdown:
        raise ConfigError(
            f'{event.process_name} ended with exit code {event.returncode}; its last lines say why'
        )
