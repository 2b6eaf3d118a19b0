"""The state machine of ur_rtde's control script: registers in, motions and registers out.

Source: ur_rtde 1.6.5, scripts/rtde_control.script. Every tick it reads the command word, runs the
command's handler and answers in output_int_register_0: 1 ready, 2 done. What takes time is a
generator that is resumed once a tick.
"""

from collections.abc import Callable
import dataclasses
import logging

from perl_sim.ur_controller.actions import Actions
from perl_sim.ur_controller.controller import Controller, RuntimeState
from perl_sim.ur_controller.performer import Performer, Routine, is_over
from perl_sim.ur_controller.rtde_variables import Values
from perl_sim.ur_controller.script_errors import ImpossibleTargetError, ScriptError
from perl_sim.ur_controller.script_registers import AsyncProgress, Registers
from perl_sim.ur_controller.tool import Tool

NO_COMMAND = 0
STOP_SCRIPT = 255
READY, DONE = 1, 2
NEWEST = (99, 0)
"""A version that knows every command."""

_LOG = logging.getLogger(__name__)

Handler = Callable[['ScriptMachine'], Routine | None]


@dataclasses.dataclass(frozen=True)
class Command:
    """One command word of the script."""

    name: str
    """As ur_rtde calls the method that sends it."""
    run: Handler
    """What it does."""
    every_step: bool = False
    """Whether it runs again at every step and is never acknowledged."""
    since: tuple[int, int] = (0, 0)
    """PolyScope version from which on the script does it; before, it only acknowledges."""


class ScriptMachine(Performer):
    """The running control script."""

    def __init__(
        self,
        controller: Controller,
        values: Values,
        commands: dict[int, Command],
        version: tuple[int, int] = NEWEST,
    ) -> None:
        """Wait for a program.

        Args:
            controller: whose program this is.
            values: of all RTDE variables.
            commands: what each command word does.
            version: of PolyScope (major, minor).
        """
        super().__init__(controller.arm)
        self.controller = controller
        self.tool: Tool = controller.arm.tool
        self.values = values
        self.actions = Actions(controller, values)
        self._commands = commands
        self._version = version
        self.start(offset=0)

    def start(self, offset: int, text: str = '') -> None:
        """Begin the script anew.

        Args:
            offset: of its registers, 0 or 24.
            text: of the script: movePath lies in it.
        """
        self.forget()
        self.registers = Registers(self.values, offset)
        self.text = text
        self.actions.begin_program()
        self.progress = AsyncProgress()
        self.stops_are_linear = False
        self.speeds_are_linear = True
        self.watchdog_ticks: int | None = None
        self.contact_ticks = 0
        """Since when there was the contact that contact detection found; 0: none yet."""
        self._unfed_ticks = 0
        self._executing = False
        self._paused = False
        self._warned: set[int] = set()
        self._routine: Routine | None = None
        self._background: Routine | None = None
        self._watch: Routine | None = None
        self._next: Callable[[], Routine] | None = None
        self.registers.write_integer(2, self.progress.word)
        self.registers.write_integer(0, READY)

    def step(self, written: set[str]) -> None:
        """Do what the script does in one tick.

        Args:
            written: names of the inputs that clients wrote since the last tick.
        """
        if self.controller.runtime_state != RuntimeState.PLAYING:
            self._paused = True
            return
        if self._watchdog_expired(written):
            self.controller.stop_program(
                f'watchdog: {self.registers.command_name} was not written for '
                f'{self.watchdog_ticks} ticks of 2 ms'
            )
            return
        try:
            self._play()
        except ImpossibleTargetError as error:
            self.controller.protective_stop(str(error))
        except ScriptError as error:
            self.controller.stop_program(str(error))

    def in_background(self, routine: Routine) -> None:
        """Begin an asynchronous operation, the one before being stopped."""
        self.stop_background()
        self.signal_progress(0)
        self._background = routine
        next(routine, None)

    def stop_background(self) -> bool:
        """End the asynchronous operation; return whether there was one."""
        if self._background is None:
            return False
        self._background.close()
        self._background = None
        self.signal_progress(-1)
        return True

    def watch(self, routine: Routine | None) -> None:
        """Run this beside everything else; None ends what ran before."""
        self._watch = routine

    def do_next(self, routine: Callable[[], Routine]) -> None:
        """Do this as soon as there is no command."""
        self._next = routine

    def signal_progress(self, progress: int) -> None:
        """Report how far an asynchronous operation is: 0 begins one, -1 ends it."""
        self.progress.signal(progress)
        self.registers.write_integer(2, self.progress.word)

    def set_watchdog(self, limit_ticks: int) -> None:
        """Stop the program when the command word is not written for so many ticks."""
        self.watchdog_ticks = limit_ticks
        self._unfed_ticks = 0

    def _watchdog_expired(self, written: set[str]) -> bool:
        if self.watchdog_ticks is None or self.registers.command_name in written:
            self._unfed_ticks = 0
            return False
        self._unfed_ticks += 1
        return self._unfed_ticks > self.watchdog_ticks

    def _play(self) -> None:
        self.actions.step()
        if self._paused:
            self._paused = False
            self.go_on()
        else:
            self._advance()
        # A command may just have stopped or paused the program.
        if self.controller.runtime_state == RuntimeState.PLAYING:
            self.keep_on()

    def _advance(self) -> None:
        if self._watch:
            next(self._watch, None)
        if self._background and is_over(self._background):
            self._background = None
            self.signal_progress(-1)
        if self._routine is None:
            self._read_command()
        elif is_over(self._routine):
            self._finish()

    def _finish(self) -> None:
        self._routine = None
        self.registers.write_integer(0, DONE)

    def _read_command(self) -> None:
        word = self.registers.integer(0)
        if word == NO_COMMAND and self._next:
            following, self._next = self._next, None
            self._routine = following()
        elif word == NO_COMMAND:
            self._executing = False
            self.registers.write_integer(0, READY)
        elif word == STOP_SCRIPT:
            self.controller.stop_program('the client ended it (stopScript)')
        else:
            self._obey(word)

    def _obey(self, word: int) -> None:
        command = self._commands.get(word)
        if command is None:
            known = ', '.join(known.name for known in self._commands.values())
            raise ScriptError(f'command {word} is not emulated; known: {known}')
        if command.every_step:
            self._do(word, command)
            self.registers.write_integer(0, READY)
        elif not self._executing:
            self._executing = True
            self._routine = self._do(word, command)
            if self._routine is None or is_over(self._routine):
                self._finish()

    def _do(self, word: int, command: Command) -> Routine | None:
        if self._version >= command.since:
            return command.run(self)
        if word not in self._warned:
            self._warned.add(word)
            _LOG.warning(
                '%s needs PolyScope %d.%d and this is %d.%d: the script does nothing',
                command.name, *command.since, *self._version[:2])
        return None

