"""Node ``perl_recover``: asks the controller to recover, once."""

from perl_core.errors import RobotError
import rclpy
from rclpy.signals import SignalHandlerOptions
from std_srvs.srv import Trigger

SERVICE = '/perl_controller/recover'
APPEAR_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 40.0
"""The wait of 5 s before unlocking, the monitor, and a control script that is sent again."""


def ask_to_recover() -> tuple[bool, str]:
    """Return whether the controller recovered, and its sentence.

    Raises:
        RobotError: it does not answer.
    """
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node('perl_recover')
    try:
        client = node.create_client(Trigger, SERVICE)
        if not client.wait_for_service(APPEAR_TIMEOUT_S):
            raise RobotError(
                f'expected the service {SERVICE} within {APPEAR_TIMEOUT_S:.0f} s, it is not '
                'there. Is the stack running, on the same ROS_DOMAIN_ID?'
            )
        future = client.call_async(Trigger.Request())
        rclpy.spin_until_future_complete(node, future, timeout_sec=ANSWER_TIMEOUT_S)
        answer = future.result()
        if answer is None:
            raise RobotError(f'expected {SERVICE} to answer within {ANSWER_TIMEOUT_S:.0f} s')
        return answer.success, answer.message
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
