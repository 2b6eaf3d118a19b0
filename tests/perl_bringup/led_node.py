"""A small lifecycle node for the manager: notes what happens to it, refuses when told to."""

import signal
import sys
from types import SimpleNamespace

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.signals import SignalHandlerOptions

name, log, *orders = sys.argv[1 : sys.argv.index('--ros-args')] if '--ros-args' in sys.argv else (
    sys.argv[1:]
)


class Led(LifecycleNode):
    def _answer(self, what):
        with open(log, 'a') as file:
            file.write(f'{what} {name}\n')
        if f'refuse_{what}' in orders:
            self.get_logger().error(f'the {what} valve is stuck')
            return TransitionCallbackReturn.FAILURE
        return TransitionCallbackReturn.SUCCESS

    def on_configure(self, state):
        return self._answer('configure')

    def on_activate(self, state):
        if 'fall' in orders:
            self.create_timer(0.5, self._fall)
        return self._answer('activate')

    def on_deactivate(self, state):
        if 'fall' in orders:
            return TransitionCallbackReturn.ERROR
        return self._answer('deactivate')

    def on_error(self, state):
        return TransitionCallbackReturn.SUCCESS

    def _fall(self):
        self.get_logger().error('lost the arm')
        self.trigger_deactivate()


state = SimpleNamespace(stop=False)
signal.signal(signal.SIGTERM, lambda *_: setattr(state, 'stop', True))
rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
node = Led(name)
try:
    while not state.stop:
        rclpy.spin_once(node, timeout_sec=0.05)
except ExternalShutdownException:
    pass
finally:
    node.destroy_node()
    rclpy.try_shutdown()
