"""Where runs are computed: processes of this machine, or a Ray cluster."""

from collections.abc import Callable, Sequence
import ctypes
import multiprocessing
from multiprocessing.queues import Queue
import queue
import signal
import sys
from typing import Any, NamedTuple, Protocol

from experiment.runs import Run
from perl_core.errors import ConfigError, PerlError

POLL_S = 0.3
_PR_SET_PDEATHSIG = 1
"""linux/prctl.h: the signal that a process gets when its parent dies."""


Work = Callable[[Any], None]
"""Does what is left of a run; can be pickled. Its PerlError is the end of that run alone."""


class Finished(NamedTuple):
    """A run that is over."""

    name: str
    """Of the run."""
    error: str | None
    """What ended it; None if it is complete."""


class Backend(Protocol):
    """Computes runs while it is open."""

    def poll(self) -> list[Finished]:
        """Wait for a moment; return the runs that ended since the last call."""
        ...

    def close(self) -> None:
        """End everything that is still going on."""
        ...


class LocalProcesses:
    """A fixed number of processes that take run after run; they die with this one."""

    def __init__(self, runs: Sequence[Run], work: Work, workers: int) -> None:
        """Start the processes.

        Args:
            runs: in the order in which they are begun.
            work: what to do with each.
            workers: how many processes, each with one thread.
        """
        context = multiprocessing.get_context('spawn')
        self._tasks: Queue[Run | None] = context.Queue()
        self._ended: Queue[Finished] = context.Queue()
        for run in [*runs, *[None] * workers]:
            self._tasks.put(run)
        self._processes = [
            context.Process(target=_take_runs, args=(self._tasks, self._ended, work), daemon=True)
            for _ in range(min(workers, len(runs)))
        ]
        for process in self._processes:
            process.start()

    def poll(self) -> list[Finished]:
        """See ``Backend``.

        Raises:
            ConfigError: a process was killed, so that its run will not end.
        """
        ended = self._drained()
        killed = [process.exitcode for process in self._processes if process.exitcode]
        if killed:
            raise ConfigError(
                f'a worker process ended with exit code {killed[0]} (memory?); the same command '
                'goes on, with fewer --workers if memory was short'
            )
        return ended

    def _drained(self) -> list[Finished]:
        ended = []
        try:
            ended.append(self._ended.get(timeout=POLL_S))
            while True:
                ended.append(self._ended.get_nowait())
        except queue.Empty:
            return ended

    def close(self) -> None:
        """See ``Backend``."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join()


def _take_runs(tasks: 'Queue[Run | None]', ended: 'Queue[Finished]', work: Work) -> None:
    # Ctrl-C reaches every process of the terminal; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == 'linux':
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    while (run := tasks.get()) is not None:
        ended.put(_attempt(run, work))


def _attempt(run: Run, work: Work) -> Finished:
    try:
        work(run)
    except PerlError as error:
        return Finished(run.name, str(error))
    return Finished(run.name, None)


class RayCluster:
    """One Ray task a run. Its files must be on a file system that all machines share."""

    def __init__(self, runs: Sequence[Run], work: Work, address: str | None) -> None:
        """Connect and submit.

        Args:
            runs: in the order in which they are begun.
            work: what to do with each.
            address: of the cluster ('auto' for the one around); None starts one on this machine.

        Raises:
            ConfigError: Ray is not installed.
        """
        try:
            import ray  # noqa: PLC0415  (optional, and slow to import)
        except ImportError as error:
            raise ConfigError(
                "--ray needs the optional extra 'cluster': pip install -c constraints.txt "
                "'.[cluster]'; without it, leave --ray out"
            ) from error
        self._ray = ray
        # The workers import what this process imports, from the same places.
        paths = {'PYTHONPATH': ':'.join(path for path in sys.path if path)}
        # One that is started here is heard by nobody outside this machine.
        alone = {'include_dashboard': False, '_node_ip_address': '127.0.0.1'}
        ray.init(
            address=address, runtime_env={'env_vars': paths}, log_to_driver=False,
            **({} if address else alone),
        )  # fmt: skip
        task = ray.remote(num_cpus=1, max_retries=2)(_attempt)
        self._pending = {task.remote(run, work): run.name for run in runs}

    def poll(self) -> list[Finished]:
        """See ``Backend``."""
        ready, _ = self._ray.wait(
            list(self._pending), num_returns=len(self._pending), timeout=POLL_S
        )
        return [self._result(reference) for reference in ready]

    def _result(self, reference: Any) -> Finished:
        name = self._pending.pop(reference)
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            return Finished(name, f'{type(error).__name__}: {error}')

    def close(self) -> None:
        """See ``Backend``."""
        self._ray.shutdown()
