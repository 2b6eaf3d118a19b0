"""A controller with its programs, without sockets, for the tests beside this file."""

import numpy as np
from perl_core.contract import Contract
from perl_sim.ur_controller.arm import Arm
from perl_sim.ur_controller.arm_model import ArmConfig
from perl_sim.ur_controller.controller import Controller, RuntimeState
from perl_sim.ur_controller.pendant import Pendant
from perl_sim.ur_controller.programs import Programs
from perl_sim.ur_controller.rtde_variables import resting_values
from perl_sim.ur_controller.script_server import ScriptReader

CONTROL_SCRIPT = b'def rtde_control():\n# NODE_CONTROL_LOOP_ENDS\nend\n'
HOME_RAD = np.array(Contract().home_rad)


class ProgramBench:
    """Ticks as the emulator does."""

    def __init__(self, version=(5, 26), **config):
        self.values = resting_values()
        self.controller = Controller(Arm(HOME_RAD, ArmConfig(**config)))
        self.arm = self.controller.arm
        self.pendant, self.said = Pendant(), []
        self.programs = Programs(
            self.controller, self.values, self.pendant, self.said.append, version)

    def send(self, text):
        """Send text as to port 30003; return whether each program in it began."""
        return [self.programs.run(program) for program in ScriptReader().feed(text.encode())]

    def start_control_script(self):
        """Begin the control script by its table of commands, without a text."""
        [program] = ScriptReader().feed(CONTROL_SCRIPT)
        assert self.programs.start_control_script(program)
        self.tick(2)

    def tick(self, count=1, written=()):
        for _ in range(count):
            self.controller.tick += 1
            self.controller.step()
            self.programs.step(set(written))
            violation = self.arm.step(self.values['target_speed_fraction'][0])
            if violation:
                self.controller.protective_stop(violation)

    def run(self, text, limit=5000):
        """Run a program to its end; return how many ticks it took."""
        assert self.send(text) == [True]
        for count in range(limit):
            self.tick()
            if self.state == RuntimeState.STOPPED:
                return count
        raise AssertionError(f'the program did not end in {limit} ticks')

    def command(self, word, *doubles, integers=()):
        """Write registers as one package of ur_rtde would, and take one tick."""
        self.values['input_int_register_0'] = (word,)
        for index, number in enumerate(integers):
            self.values[f'input_int_register_{index + 1}'] = (number,)
        for index, number in enumerate(doubles):
            self.values[f'input_double_register_{index}'] = (float(number),)
        self.tick(written={'input_int_register_0'})

    def finish(self, word, *doubles, integers=(), limit=5000):
        """Send a command as the client does, wait until it is done, and clear it."""
        self.command(word, *doubles, integers=integers)
        for _ in range(limit):
            if self.values['output_int_register_0'][0] == 2:
                break
            self.tick()
        else:
            raise AssertionError(f'command {word} was not done in {limit} ticks')
        self.command(0)

    @property
    def state(self):
        return self.controller.runtime_state

    def doubles(self, count=6):
        return np.array([self.values[f'output_double_register_{index}'][0]
                         for index in range(count)])

    @property
    def answer(self):
        return self.values['output_int_register_1'][0]
