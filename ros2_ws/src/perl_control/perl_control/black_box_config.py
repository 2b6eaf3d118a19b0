"""What the writer of black boxes is told, and how the control loop starts it."""

import contextlib
import dataclasses
import hashlib
import json
from pathlib import Path
import subprocess
import sys

from perl_core.black_box import BlackBoxHeader
from perl_core.contract import Contract

from calibration.schema import Calibration
from perl_control.loop_config import LoopConfig
from perl_control.shared_memory import telemetry_path


@dataclasses.dataclass(frozen=True, kw_only=True)
class BlackBoxConfig:
    """What to watch and where to write."""

    ring: str
    """The telemetry ring of the loop."""
    folder: str
    """Where files go."""
    rate_hz: int
    """Control ticks a second."""
    header: BlackBoxHeader
    """What runs; cause and time are filled in later."""


class BlackBoxProcess:
    """The writer, as the control loop sees it."""

    def __init__(self, config: BlackBoxConfig) -> None:
        """Start it; it outlives this process for as long as writing takes.

        Args:
            config: goes to its stdin.
        """
        self._process = subprocess.Popen(
            [sys.executable, '-m', 'perl_control.black_box_writer'],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True,
        )
        self._say(json.dumps(dataclasses.asdict(config)))

    def end(self) -> None:
        """Tell it that the loop ends as it should."""
        self._say('end')

    def _say(self, line: str) -> None:
        if self._process.stdin is not None:
            # The black box is no reason to stop: without its writer there is none.
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(f'{line}\n'.encode())
                self._process.stdin.flush()


def describe(
    config: LoopConfig, contract: Contract, bundle_sha256: str, limits_file: Path,
    calibration: Calibration,
) -> BlackBoxConfig:
    """Return what the writer is told about a loop.

    Args:
        config: of the loop.
        contract: that it keeps.
        bundle_sha256: of its policy's manifest.
        limits_file: that it read.
        calibration: of its arm.
    """
    limits = limits_file.read_text(encoding='utf-8')
    return BlackBoxConfig(
        ring=str(telemetry_path(config.robot_ip)),
        folder=config.black_box_folder,
        rate_hz=contract.control_rate_hz,
        header=BlackBoxHeader(
            cause='',
            robot_ip=config.robot_ip,
            bundle=str(Path(config.bundle).absolute()),
            bundle_sha256=bundle_sha256,
            calibration_sha256=calibration.content_sha256(),
            limits=limits,
            limits_sha256=hashlib.sha256(limits.encode()).hexdigest(),
            contract=contract.to_dict(),
            unix_offset_ns=0,
            shadow=config.shadow,
        ),
    )
