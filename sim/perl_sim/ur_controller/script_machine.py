"""The state machine of ur_rtde's control script: registers in, motions and registers out.

Source: ur_rtde 1.6.5, scripts/rtde_control.script. Every tick it reads the command word, runs the
command's handler and answers in output_int_register_0: 1 ready, 2 done.
"""

from collections.abc import Callable
import dataclasses
import logging

import numpy as np
from perl_core.errors import PerlError
from perl_sim.ur_controller.arm import Arm
from perl_sim.ur_controller.controller import Controller, RuntimeState
from perl_sim.ur_controller.rtde_variables import Values
from perl_sim.ur_controller.tool import Tool

NO_COMMAND = 0
STOP_SCRIPT = 255
READY, DONE = 1, 2

_LOG = logging.getLogger(__name__)


class ImpossibleTargetError(PerlError):
    """Where the arm cannot go: the answer is a protective stop, as on the robot."""


class ScriptError(PerlError):
    """What the script cannot do: the answer is the end of the program, as on the robot."""


class Registers:
    """The registers of one program: it reads inputs and writes outputs, shifted by an offset."""

    def __init__(self, values: Values, offset: int) -> None:
        """Name the registers once.

        Args:
            values: of all RTDE variables.
            offset: 0, or 24 with ur_rtde's upper range flag.
        """
        self._values = values
        self._int_in = [f'input_int_register_{offset + index}' for index in range(24)]
        self._double_in = [f'input_double_register_{offset + index}' for index in range(24)]
        self._int_out = [f'output_int_register_{offset + index}' for index in range(24)]
        self._double_out = [f'output_double_register_{offset + index}' for index in range(24)]

    @property
    def command_name(self) -> str:
        """Name of the register that holds the command word."""
        return self._int_in[0]

    def integer(self, index: int) -> int:
        """Return an integer input."""
        return self._values[self._int_in[index]][0]

    def double(self, index: int) -> float:
        """Return a double input."""
        return self._values[self._double_in[index]][0]

    def vector(self, start: int = 0, count: int = 6) -> np.ndarray:
        """Return double inputs in a row."""
        names = self._double_in[start:start + count]
        return np.array([self._values[name][0] for name in names])

    def write_integer(self, index: int, value: int) -> None:
        """Set an integer output."""
        self._values[self._int_out[index]] = (int(value),)

    def write_vector(self, numbers: np.ndarray) -> None:
        """Set the double outputs from 0 on."""
        for name, number in zip(self._double_out, numbers.tolist(), strict=False):
            self._values[name] = (number,)


@dataclasses.dataclass
class AsyncProgress:
    """The word in output_int_register_2 that tells how far an asynchronous motion is."""

    operation: int = 0
    """Counts operations, modulo 128."""
    writes: int = 1
    """Counts changes of the word, modulo 128."""
    running: bool = False
    """Whether the operation goes on."""

    def change(self, running: bool) -> None:
        """Begin a new operation, or end the present one."""
        if running:
            self.operation = (self.operation + 1) % 128
        self.running = running
        self.writes = (self.writes + 1) % 128

    @property
    def word(self) -> int:
        """Bits 30-24 operation, 22-16 writes, 15 running, 14-0 progress."""
        return self.operation << 24 | self.writes << 16 | self.running << 15


Handler = Callable[['ScriptMachine'], None]


@dataclasses.dataclass(frozen=True)
class Command:
    """One command word of the script."""

    name: str
    """As ur_rtde calls the method that sends it."""
    run: Handler
    """What it does."""
    every_step: bool = False
    """Whether it runs again at every step and is never acknowledged."""


class ScriptMachine:
    """The running control script."""

    def __init__(
        self, controller: Controller, tool: Tool, values: Values, commands: dict[int, Command]
    ) -> None:
        """Wait for a program.

        Args:
            controller: whose program this is.
            tool: mounted on its arm.
            values: of all RTDE variables.
            commands: what each command word does.
        """
        self.controller = controller
        self.arm: Arm = controller.arm
        self.tool = tool
        self.values = values
        self._commands = commands
        self.start(offset=0)

    def start(self, offset: int) -> None:
        """Begin the script anew, with its registers shifted by the offset."""
        self.registers = Registers(self.values, offset)
        self.progress = AsyncProgress()
        self.stops_are_linear = False
        self.waypoint_rad = self.arm.position_rad
        self.watchdog_ticks: int | None = None
        self._unfed_ticks = 0
        self._executing = False
        self._blocked = False
        self._paused = False
        self._motion: Callable[[], None] | None = None
        self._continuous = False
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
        if self._blocked:
            self._wait()
        else:
            self._read_command()
        if self._motion and (self._continuous or self._paused):
            self._motion()
        self._paused = False

    def keep_doing(self, motion: Callable[[], None]) -> None:
        """Issue this motion at every tick until another begins: the script's threads."""
        self._motion, self._continuous = motion, True

    def move(self, motion: Callable[[], None], asynchronous: bool = False) -> None:
        """Issue a motion that ends by itself; the script waits for its end unless asynchronous."""
        self._motion, self._continuous = motion, False
        self._blocked = not asynchronous
        self._set_running(asynchronous)
        motion()

    def set_watchdog(self, limit_ticks: int) -> None:
        """Stop the program when the command word is not written for so many ticks."""
        self.watchdog_ticks = limit_ticks
        self._unfed_ticks = 0

    def _set_running(self, running: bool) -> None:
        if running or self.progress.running:
            self.progress.change(running)
            self.registers.write_integer(2, self.progress.word)

    def _watchdog_expired(self, written: set[str]) -> bool:
        if self.watchdog_ticks is None or self.registers.command_name in written:
            self._unfed_ticks = 0
            return False
        self._unfed_ticks += 1
        return self._unfed_ticks > self.watchdog_ticks

    def _wait(self) -> None:
        if self.arm.is_steady and not self._paused:
            self._blocked = False
            self._motion = None
            self.registers.write_integer(0, DONE)

    def _read_command(self) -> None:
        if self.progress.running and self.arm.is_steady:
            self._set_running(False)
        word = self.registers.integer(0)
        if word == NO_COMMAND:
            self._executing = False
            self.registers.write_integer(0, READY)
        elif word == STOP_SCRIPT:
            self.controller.stop_program('the client ended it (stopScript)')
        else:
            self._run(word)

    def _run(self, word: int) -> None:
        command = self._commands.get(word)
        try:
            if command is None:
                known = ', '.join(known.name for known in self._commands.values())
                raise ScriptError(f'command {word} is not emulated; known: {known}')
            if command.every_step:
                command.run(self)
                self.registers.write_integer(0, READY)
            elif not self._executing:
                self._run_once(command)
        except ImpossibleTargetError as error:
            self.controller.protective_stop(str(error))
        except ScriptError as error:
            self.controller.stop_program(str(error))

    def _run_once(self, command: Command) -> None:
        self._executing = True
        command.run(self)
        if not self._blocked:
            self.registers.write_integer(0, DONE)
