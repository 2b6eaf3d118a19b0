"""The services ``~/reset`` and ``~/recover``: out of FAULT, if its causes are gone.

``reset`` clears the controller's own latch. ``recover`` does everything that a protective stop
needs: it waits until the controller may be unlocked, unlocks it, resets the safety monitor, and
then the controller. Callbacks are coroutines, so that the node's rounds go on meanwhile.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
import time

from perl_core.errors import PerlError, RobotError
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.task import Future
from std_srvs.srv import Trigger

from perl_control.loop_client import LoopClient
from perl_control.loop_config import LoopConfig
from perl_control.recovery import RecoveryBudget, unlock
from perl_control.states import State

RESET_DEADLINE_S = 10.0
RESET_GRACE_S = 0.1
"""Telemetry of an answered reset may still tell the state before it."""
UNLOCK_DEADLINE_S = 12.0
"""Waiting for the controller, and three answers of its dashboard."""
MONITOR_DEADLINE_S = 3.0
_MONITOR = '/perl_safety_monitor/reset'
_AGAIN_S = 0.1


class RecoveryServer:
    """Both services; one recovery at a time."""

    def __init__(self, node: Node) -> None:
        """Create the services.

        Args:
            node: of the controller.
        """
        self._node = node
        self._loop: LoopClient | None = None
        self._config: LoopConfig | None = None
        self._budget = RecoveryBudget()
        self._stopped_s: float | None = None
        self._busy = False
        self._waiting: list[tuple[Callable[[], bool], float, Future]] = []
        self._thread = ThreadPoolExecutor(1, 'recovery')
        # In the node's own group a coroutine that waits would hold back the node's rounds.
        group = ReentrantCallbackGroup()
        self._monitor = node.create_client(Trigger, _MONITOR, callback_group=group)
        node.create_service(Trigger, '~/reset', self._on_reset, callback_group=group)
        node.create_service(Trigger, '~/recover', self._on_recover, callback_group=group)

    def attach(self, loop: LoopClient, config: LoopConfig) -> None:
        """Use a running loop."""
        self._loop, self._config = loop, config

    def detach(self) -> None:
        """Let go of the loop."""
        self._loop = None

    def round(self) -> None:
        """Note since when the arm is stopped, and wake who waits; called every 20 ms."""
        now_s = time.monotonic()
        if self._loop is None or self._loop.state != State.FAULT:
            self._stopped_s = None
        elif self._stopped_s is None:
            self._stopped_s = now_s
        waiting, self._waiting = self._waiting, []
        for entry in waiting:
            done, end_s, future = entry
            if done() or now_s > end_s:
                future.set_result(None)
            else:
                self._waiting.append(entry)

    async def _until(self, done: Callable[[], bool], timeout_s: float) -> None:
        """Let rounds go on until done, or the time is over."""
        future = Future()
        self._waiting.append((done, time.monotonic() + timeout_s, future))
        await future

    async def _on_reset(
        self, _: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        try:
            response.message = await self._reset(self._attached())
            response.success = True
        except PerlError as error:
            response.message = str(error)
        return response

    async def _on_recover(
        self, _: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        if self._busy:
            response.message = 'expected one recovery at a time, another one is under way'
            return response
        self._busy = True
        try:
            response.message = await self._recover(self._attached())
            response.success = True
        except PerlError as error:
            response.message = str(error)
        finally:
            self._busy = False
        self._node.get_logger().warning(f'recover: {response.message}')
        return response

    def _attached(self) -> LoopClient:
        if self._loop is None:
            raise RobotError('expected a configured controller, there is no control loop')
        return self._loop

    async def _recover(self, loop: LoopClient) -> str:
        """Return what was done.

        Raises:
            PerlError: the arm must not, or cannot, move again.
        """
        if loop.state != State.FAULT:
            return f'there is nothing to recover from, the controller is {loop.state.name}'
        causes = loop.reasons
        self._budget.take(time.monotonic())
        done = await self._unlock()
        await self._reset_monitor()
        state = await self._reset(loop)
        return f'{done}; {state} (recovery {self._budget.count} since the start, after: {causes})'

    async def _unlock(self) -> str:
        config = self._config
        if config is None or config.backend != 'ur' or config.shadow:
            return 'there is no controller to unlock'
        waited_s = time.monotonic() - (self._stopped_s or time.monotonic())
        job = self._thread.submit(unlock, config.robot_ip, waited_s)
        await self._until(job.done, UNLOCK_DEADLINE_S)
        if not job.done():
            raise RobotError(
                f'expected the dashboard of the robot at {config.robot_ip} to unlock within '
                f'{UNLOCK_DEADLINE_S:g} s, it did not. Look at the teach pendant.'
            )
        return job.result()

    async def _reset_monitor(self) -> None:
        """Reset the safety monitor; it may need a moment to see that the cause is gone."""
        if self._config is None or not self._config.require_monitor:
            return
        deadline_s, said = time.monotonic() + MONITOR_DEADLINE_S, 'it does not answer'
        while time.monotonic() < deadline_s:
            if self._monitor.service_is_ready():
                answer = self._monitor.call_async(Trigger.Request())
                await self._until(answer.done, MONITOR_DEADLINE_S)
                if answer.done():
                    said = answer.result().message
                    if answer.result().success:
                        return
            await self._until(lambda: False, _AGAIN_S)
        raise RobotError(
            f'expected perl_safety_monitor to be reset within {MONITOR_DEADLINE_S:g} s, but: '
            f'{said}. Remove the cause and ask again.'
        )

    async def _reset(self, loop: LoopClient) -> str:
        """Reset the controller and return what it is then.

        Raises:
            RobotError: it is still stopped.
        """
        wish = loop.ask_reset()
        await self._until(lambda: loop.reset_sequence == wish, RESET_DEADLINE_S)
        await self._until(lambda: loop.state != State.FAULT, RESET_GRACE_S)
        if self._loop is not loop or loop.state == State.FAULT:
            raise RobotError(loop.note or f'the controller is {loop.state.name}')
        return f'the controller is {loop.state.name}'
