"""The server's connection to a forkserver."""

import errno
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import ExitStack, asynccontextmanager
from typing import Final, Protocol

import msgspec
import trio

from actors.offline import OFFLINE_ENVIRONMENT

from ...errors import LimitError, PipelineError
from ...links import exhausted_resource
from .activity import SharedActivity
from .fork_requests import FORK, PING, READY, TEMPLATE
from .kernel import is_stopped
from .node_process import NodeProcess
from .template_main import MAX_SPEC_BYTES, TemplateSpec

FORK_SECONDS: Final = 10.0
"""A forkserver forks in 10 ms. One that has not answered for this long does not work any more."""

_START_SECONDS: Final = 60.0
_END_SECONDS: Final = 10.0


class ForkTimeoutError(PipelineError):
    """A forkserver that did not fork a process in time."""


class Forkserver:
    """Forks node processes from a process that has imported what they need.

    Attributes:
        pid: of the forkserver.
    """

    def __init__(self, requests: socket.socket, pid: int) -> None:
        self.pid = pid
        self._requests = requests
        self._turn = trio.Lock()
        self._waiting_since: float | None = None

    @property
    def unanswered_seconds(self) -> float:
        """How long the oldest request has waited since the last answer; 0 if none waits."""
        if self._waiting_since is None:
            return 0.0
        return trio.current_time() - self._waiting_since

    async def fork(
        self, executable: str | None = None, *, timeout_seconds: float = FORK_SECONDS
    ) -> NodeProcess:
        """Return a new process that waits for its NodeSpec. The caller must end it.

        Args:
            executable: the path of another Python interpreter, which has this package too.
            timeout_seconds: how long it may take.

        Raises:
            LimitError: this process has no descriptor left, or the system no process.
            ForkTimeoutError: the forkserver did not answer in time.
            PipelineError: the forkserver has ended.
        """
        return await self._fork(FORK + os.fsencode(executable or ""), timeout_seconds)

    async def fork_template(self, *, timeout_seconds: float = FORK_SECONDS) -> NodeProcess:
        """Return a new process that waits for its TemplateSpec, as `fork` does."""
        return await self._fork(TEMPLATE, timeout_seconds, socket.SOCK_SEQPACKET)

    async def _fork(
        self, request: bytes, timeout_seconds: float, kind: int = socket.SOCK_STREAM
    ) -> NodeProcess:
        process, passed = _open_process(kind)
        self._expect_answer()
        with trio.move_on_after(timeout_seconds) as waiting:
            try:
                await self._request(request, passed)
                self._check_forked(await process.wait_started())
            except BaseException:
                if waiting.cancel_called:
                    process.abandon()  # its end cannot be waited for
                else:
                    self._waiting_since = None
                    await process.end(grace_seconds=0)  # noqa: ASYNC102, ASYNC120 (it shields itself)
                raise
            self._waiting_since = None
            return process
        raise ForkTimeoutError(f"the forkserver did not fork a process in {timeout_seconds:g} s")

    async def ping(self) -> None:
        """Wait for a sign of life. One task at a time may do so.

        Raises:
            PipelineError: the forkserver has ended.
        """
        self._expect_answer()
        await self._request(PING, ())
        await trio.lowlevel.wait_readable(self._requests)
        self._requests.recv(len(PING))
        self._waiting_since = None

    def _expect_answer(self) -> None:
        if self._waiting_since is None:
            self._waiting_since = trio.current_time()

    @property
    def has_ended(self) -> bool:
        """Whether the forkserver has closed its end, as it does when it ends."""
        try:
            return not self._requests.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def is_stopped(self) -> bool:
        """Return whether a signal such as SIGSTOP has stopped the forkserver."""
        return is_stopped(self.pid)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the forkserver, whose parent has not reaped it yet."""
        os.kill(self.pid, number)

    def _check_forked(self, number: int | None) -> None:
        if number is None and self.has_ended:
            raise PipelineError("the forkserver has ended")
        # Without an answer, the descriptors were more than it could take.
        if number in (None, errno.EMFILE):
            _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            raise LimitError(
                "no process can be forked: the forkserver, which has two file descriptors for each "
                f"node process, has reached its limit of {hard} (ulimit -Hn)"
            )
        reason = exhausted_resource(number)
        if reason:
            raise LimitError(f"no process can be forked: {reason}")
        if number:
            raise PipelineError(f"no process can be forked: {os.strerror(number)}")

    async def _request(self, request: bytes, descriptors: Sequence[int]) -> None:
        """Send a request with its descriptors, and close them: the forkserver has its own."""
        try:
            async with self._turn:
                while True:
                    try:
                        socket.send_fds(self._requests, [request], descriptors)
                    except BlockingIOError:
                        await trio.lowlevel.wait_writable(self._requests)
                    else:
                        return
        except OSError as error:
            raise PipelineError(f"the forkserver has ended: {error.strerror}") from error
        finally:
            for descriptor in descriptors:
                os.close(descriptor)


def _open_process(kind: int) -> tuple[NodeProcess, list[int]]:
    """Return the server's side of a new process, and the descriptors of the other side.

    Raises:
        LimitError: this process has no descriptor left.
    """
    with ExitStack() as opened:
        try:
            supervision, their_supervision = _open_pair(opened)
            control, their_control = _open_pair(opened, kind)
            output, their_output = os.pipe()
            opened.callback(os.close, output)
            opened.callback(os.close, their_output)
            activity = SharedActivity()
        except OSError as error:
            raise LimitError(
                "no process can be started, which takes 7 file descriptors: "
                + (exhausted_resource(error.errno or 0) or str(error))
            ) from error
        opened.pop_all()
    # The supervision socket first: it is the one that a forkserver without room still receives.
    passed = [their_supervision.detach(), their_control.detach(), their_output]
    return NodeProcess(control, supervision, output, activity), passed


def _open_pair(
    opened: ExitStack, kind: int = socket.SOCK_STREAM
) -> tuple[socket.socket, socket.socket]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
    opened.enter_context(ours)
    opened.enter_context(theirs)
    return ours, theirs


def forkserver_command(descriptor: int) -> list[str]:
    """Return the command that starts a forkserver on an inherited packet socket.

    With -P, so that no file of the current folder is imported in place of a module of ours.
    """
    return [sys.executable, "-P", "-m", f"{__package__}.forkserver_main", str(descriptor)]


def forkserver_environment(without: Collection[str] = ()) -> dict[str, str]:
    """Return the environment in which it finds the same modules as this process.

    In it, the libraries of models download nothing, unless the operator has set their variables.

    Args:
        without: variables that node processes do not inherit: those with secrets.
    """
    inherited = {name: value for name, value in os.environ.items() if name not in without}
    return {
        **OFFLINE_ENVIRONMENT,
        **inherited,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }


@asynccontextmanager
async def open_forkserver(
    without: Collection[str] = (),
) -> AsyncIterator[tuple[Forkserver, trio.Process]]:
    """Start a forkserver and wait until it is ready; end it with its node processes.

    Args:
        without: variables of the environment that it does not inherit.

    Raises:
        LimitError: this process has no descriptor left, or the system no process.
        PipelineError: it does not start.
    """
    try:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            process = await trio.lowlevel.open_process(
                forkserver_command(theirs.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=forkserver_environment(without),
                start_new_session=True,
            )
    except OSError as error:
        reason = exhausted_resource(error.errno or 0)
        if reason:
            raise LimitError(f"the forkserver cannot be started: {reason}") from error
        raise PipelineError(f"the forkserver cannot be started: {error}") from error
    try:
        ours.setblocking(False)
        await _wait_ready(ours)
        yield Forkserver(ours, process.pid), process
    finally:
        ours.close()
        with trio.CancelScope(shield=True):
            with trio.move_on_after(_END_SECONDS):
                await process.wait()
            if process.returncode is None:
                process.send_signal(signal.SIGKILL)
                await process.wait()


async def _wait_ready(requests: socket.socket) -> None:
    with trio.move_on_after(_START_SECONDS):
        await trio.lowlevel.wait_readable(requests)
        if requests.recv(len(READY)) != READY:
            raise PipelineError("the forkserver did not start; standard error has the reason")
        return
    raise PipelineError(f"the forkserver was not ready after {_START_SECONDS:g} s")


class ForksTemplates(Protocol):
    """A forkserver, or its keeper."""

    async def fork_template(self) -> NodeProcess:
        """Return a new process that waits for its TemplateSpec. The caller must end it."""


@asynccontextmanager
async def open_template(
    forkserver: ForksTemplates, spec: TemplateSpec, seconds: float
) -> AsyncIterator[tuple[Forkserver | str, NodeProcess]]:
    """Start a template; end it, with its node processes, after the block.

    It yields the reason as text if nodes cannot be forked from it.

    Raises:
        LimitError, PipelineError: no process can be forked.
    """
    process = await forkserver.fork_template()
    try:
        requests = process.control
        requests.send(msgspec.msgpack.encode(spec))
        answer = b"it was not ready in time"
        with trio.move_on_after(seconds):
            await trio.lowlevel.wait_readable(requests)
            answer = requests.recv(MAX_SPEC_BYTES) or b"it ended while it preloaded"
        if answer == READY:
            yield Forkserver(requests, process.pid), process
        else:
            yield answer.decode(errors="replace"), process
    except OSError as error:
        raise PipelineError(f"the template has ended: {error.strerror}") from error
    finally:
        await process.end(grace_seconds=_END_SECONDS, terminate=False)  # noqa: ASYNC102 (shielded)
