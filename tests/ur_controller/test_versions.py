"""Clients choose recipes and scripts by PolyScope version; all of them work."""

import time

import numpy as np
from perl_core.contract import Contract
import pytest
from rtde_control import RTDEControlInterface
from rtde_receive import RTDEReceiveInterface

HOME_RAD = np.array(Contract().home_rad)


@pytest.mark.parametrize(('version', 'address', 'flags'), [
    ('5.8.0', '127.0.1.61', RTDEControlInterface.FLAG_UPLOAD_SCRIPT),
    ('5.23.0', '127.0.1.62', RTDEControlInterface.FLAG_UPLOAD_SCRIPT),
    ('5.11.5', '127.0.1.63', RTDEControlInterface.FLAG_UPLOAD_SCRIPT
     | RTDEControlInterface.FLAG_UPPER_RANGE_REGISTERS),
])
def test_servo_j_under_another_version(start_emulator, version, address, flags):
    start_emulator(address, '--version', version)
    receive = RTDEReceiveInterface(address)
    control = RTDEControlInterface(address, 500.0, flags)
    try:
        assert control.moveJ((HOME_RAD + 0.1).tolist(), 1.0, 5.0)
        for step in range(100):
            start = control.initPeriod()
            assert control.servoJ((HOME_RAD + 0.1 + 0.001 * step).tolist(), 0.5, 0.5, 0.002,
                                  0.03, 300.0)
            control.waitPeriod(start)
        time.sleep(0.5)
        assert np.abs(receive.getActualQ() - HOME_RAD - 0.199).max() < 1e-3
    finally:
        control.disconnect()
        receive.disconnect()
