"""The registers through which ur_rtde and its control script talk, and their packed words."""

import dataclasses

import numpy as np
from perl_sim.ur_controller.rtde_variables import Values

LAST_INDEX = 47
_MATRIX_INDEX = (*range(24), *range(36, 48))
"""Where the 36 entries of a matrix go. Source: rtde_control.script, get_mass_matrix."""


class Registers:
    """The registers of one program: it reads inputs and writes outputs, shifted by an offset."""

    def __init__(self, values: Values, offset: int) -> None:
        """Name the registers once.

        Args:
            values: of all RTDE variables.
            offset: 0, or 24 with ur_rtde's upper range flag.
        """
        self._values = values
        count = LAST_INDEX + 1 - offset
        self._int_in = [f'input_int_register_{offset + index}' for index in range(count)]
        self._double_in = [f'input_double_register_{offset + index}' for index in range(count)]
        self._int_out = [f'output_int_register_{offset + index}' for index in range(count)]
        self._double_out = [f'output_double_register_{offset + index}' for index in range(count)]

    @property
    def command_name(self) -> str:
        """Name of the register that holds the command word."""
        return self._int_in[0]

    def integer(self, index: int) -> int:
        """Return an integer input."""
        return self._values[self._int_in[index]][0]

    def integers(self, start: int, count: int) -> np.ndarray:
        """Return integer inputs in a row."""
        return np.array([self.integer(index) for index in range(start, start + count)])

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

    def write_matrix(self, matrix: np.ndarray) -> None:
        """Set the double outputs that hold a matrix of shape (6, 6), column by column."""
        for index, number in zip(_MATRIX_INDEX, matrix.T.ravel().tolist(), strict=True):
            # With the upper range flag the last do not exist: there the robot would fail.
            if index < len(self._double_out):
                self._values[self._double_out[index]] = (number,)


@dataclasses.dataclass
class AsyncProgress:
    """The word in output_int_register_2 that tells how far an asynchronous motion is."""

    operation: int = 0
    """Counts operations, modulo 128."""
    writes: int = 1
    """Counts changes of the word, modulo 128."""
    running: bool = False
    """Whether the operation goes on."""
    progress: int = 0
    """How far it is: the index of a path's waypoint."""

    def signal(self, progress: int) -> None:
        """Note progress: 0 begins a new operation, a negative number ends the present one."""
        self.writes = (self.writes + 1) % 128
        if progress == 0:
            self.operation = (self.operation + 1) % 128
        self.running = progress >= 0
        self.progress = min(progress, 0x7FFF) if self.running else 0

    @property
    def word(self) -> int:
        """Bits 30-24 operation, 22-16 writes, 15 running, 14-0 progress."""
        return self.operation << 24 | self.writes << 16 | self.running << 15 | self.progress
