"""Which program runs: ur_rtde's control script by its table, any other by the interpreter.

The control script arrives as text like any other. That of ur_rtde 1.6.5 is known beforehand: a
table of its commands takes a fraction of the time that running its text does.
"""

from collections.abc import Callable
import logging

from perl_sim.ur_controller.actions import Actions
from perl_sim.ur_controller.controller import Controller
from perl_sim.ur_controller.known_scripts import is_known
from perl_sim.ur_controller.modes import RuntimeState
from perl_sim.ur_controller.pendant import Pendant
from perl_sim.ur_controller.performer import Performer
from perl_sim.ur_controller.rtde_variables import Values
from perl_sim.ur_controller.script_errors import ImpossibleTargetError, ScriptError
from perl_sim.ur_controller.script_machine import ScriptMachine
from perl_sim.ur_controller.script_server import Program
from perl_sim.ur_controller.script_table import ALL_COMMANDS
from perl_sim.ur_controller.urscript_functions import functions
from perl_sim.ur_controller.urscript_interpreter import HaltProgram, Interpreter
from perl_sim.ur_controller.urscript_motions import MotionFunctions
from perl_sim.ur_controller.urscript_parser import parse
from perl_sim.ur_controller.ways import Travel

MAX_SECONDARY = 16
"""Secondary programs at a time; they take a tick each. Own choice."""

_LOG = logging.getLogger(__name__)


class Programs:
    """The programs of one controller: at most one at a time, and secondary ones beside it."""

    def __init__(
        self,
        controller: Controller,
        values: Values,
        pendant: Pendant,
        say: Callable[[str], None],
        version: tuple[int, int],
    ) -> None:
        """Run nothing.

        Args:
            controller: whose programs these are.
            values: of all RTDE variables.
            pendant: shows popups.
            say: takes what scripts say.
            version: of PolyScope (major, minor).
        """
        self._controller = controller
        self._values, self._pendant, self._say = values, pendant, say
        self._control_script = ScriptMachine(controller, values, ALL_COMMANDS, version)
        self._main: Interpreted | None = None
        self._secondary: list[Interpreter] = []

    def run(self, program: Program) -> bool:
        """Run a program in place of the present one, or beside it; return whether it began."""
        if program.is_secondary:
            return self._begin_secondary(program)
        if program.is_control_script and is_known(program.text):
            return self.start_control_script(program)
        if program.is_control_script:
            _LOG.warning('the control script is not that of ur_rtde 1.6.5: it is run as it is '
                         'written, which takes more time')
        try:
            main = self._interpreted(program)
        except (ScriptError, RecursionError) as error:
            self._complain(program.name, error)
            return False
        if not self._begin(program.name):
            return False
        self._main = main
        return True

    def start_control_script(self, program: Program) -> bool:
        """Run the table of commands; return whether it began."""
        if not self._begin('rtde_control'):
            return False
        self._control_script.start(program.register_offset, program.text)
        return True

    def step(self, written: set[str]) -> None:
        """Let one tick of every program pass.

        Args:
            written: names of the inputs that clients wrote since the last tick.
        """
        if self._secondary:
            self._secondary = [each for each in self._secondary if self._advance(each)]
        if self._main is None:
            self._control_script.step(written)
        elif self._main.step(written):
            self._end_main()

    def _begin(self, name: str) -> bool:
        self._end_main()
        return self._controller.start_program(name)

    def _end_main(self) -> None:
        if self._main is not None:
            self._main.close()
            self._main = None

    def _interpreted(self, program: Program) -> 'Interpreted':
        statements = parse(program.text)
        if not statements:
            raise ScriptError('there is nothing in it but comments')
        actions = Actions(self._controller, self._values)
        main = Interpreted(self._controller, actions)
        main.interpreter = Interpreter({
            **functions(actions, self._values, self._pendant, self._say),
            **MotionFunctions(main, actions).table(),
            'rtde_set_watchdog': main.set_watchdog,
        })
        main.interpreter.begin(statements)
        return main

    def _begin_secondary(self, program: Program) -> bool:
        actions = Actions(self._controller, self._values)
        interpreter = Interpreter(functions(actions, self._values, self._pendant, self._say))
        try:
            if len(self._secondary) >= MAX_SECONDARY:
                raise ScriptError(f'{MAX_SECONDARY} secondary programs run already')
            interpreter.begin(parse(program.text))
        except (ScriptError, RecursionError) as error:
            self._complain(program.name, error)
            return False
        self._secondary.append(interpreter)
        return True

    def _advance(self, secondary: Interpreter) -> bool:
        try:
            return secondary.step()
        except (ScriptError, ImpossibleTargetError) as error:
            self._complain('secondary program', error)
        except HaltProgram:
            pass
        return False

    def _complain(self, name: str, error: Exception) -> None:
        _LOG.warning('%s is refused: %s', name, error)
        self._say(f'{name}: {error}')


class Interpreted(Performer):
    """A program that the interpreter runs."""

    interpreter: Interpreter

    def __init__(self, controller: Controller, actions: Actions) -> None:
        """Wait for its text.

        Args:
            controller: whose program this is.
            actions: of the program.
        """
        super().__init__(controller.arm)
        self._controller, self._actions = controller, actions
        self._paused = False
        self._watched = ''
        self._limit_ticks = self._unfed_ticks = 0
        actions.begin_program()

    def set_watchdog(self, name: str, frequency: float, action: str = 'pause') -> None:
        """rtde_set_watchdog: pause or stop when an input is not written often enough."""
        if action not in ('ignore', 'pause', 'stop') or not 0.0 <= float(frequency) <= 500.0:
            raise ValueError(f'0 to 500 Hz and ignore, pause or stop; got {frequency}, {action}')
        self._watched = '' if action == 'ignore' or not frequency else str(name)
        self._action = action
        self._limit_ticks = max(1, round(500.0 / frequency)) if frequency else 0
        self._unfed_ticks = 0

    def close(self) -> None:
        """End all threads of the program."""
        self.interpreter.close()

    def step(self, written: set[str]) -> bool:
        """Let one tick pass; return whether the program is over."""
        state = self._controller.runtime_state
        if state != RuntimeState.PLAYING:
            self._paused = True
            return state == RuntimeState.STOPPED
        if self._starves(written):
            return False
        if self._paused:
            self._paused = False
            self.go_on()
            return False
        return self._advance()

    def _starves(self, written: set[str]) -> bool:
        """Return whether the watchdog paused or stopped the program."""
        if not self._watched or self._watched in written:
            self._unfed_ticks = 0
            return False
        self._unfed_ticks += 1
        if self._unfed_ticks <= self._limit_ticks:
            return False
        self._unfed_ticks = 0
        if self._action == 'stop':
            self._controller.stop_program(f'watchdog: {self._watched} was not written')
        else:
            self._controller.pause_program()
        return True

    def _advance(self) -> bool:
        reason = 'its end is reached'
        self._actions.step()
        try:
            if self.interpreter.step():
                # A function may just have stopped or paused the program.
                if self._controller.runtime_state == RuntimeState.PLAYING:
                    self.keep_on()
                return False
            if isinstance(self.arm.motion, Travel) and not self.arm.is_steady:
                # A move with a blend let the program go on; there was nothing to blend with.
                return False
        except HaltProgram:
            reason = 'it says halt'
        except ImpossibleTargetError as error:
            self._controller.protective_stop(str(error))
            return False
        except ScriptError as error:
            reason = str(error)
            _LOG.warning('the program ends: %s', reason)
        self._controller.stop_program(reason)
        return True
