"""The executor `ray`: Ray places and watches the process of each node; the items never pass it."""

import logging
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Final

import trio

from actors import Progress

from ...config import RaySettings, RuntimeConfig, secret_variables
from ...errors import InitTimeoutError, LimitError, NodeError, PipelineError, SpawnError, printable
from ...links.socket import LinkCertificate
from ...plan import ClusterRequest, cluster_request
from ...socket_process.ray import OpenedWorker
from ..contract import NodeTask
from ..socket_node import run_socket_node
from .cluster import has_room_ever, has_room_now, refusal, waiting
from .driver import Driver, PlacedWorker, check_installed, first_of, open_driver

# Ray kills a worker in 3 ms (2026-11-27, 2 cores).
_END_SECONDS: Final = 1.0
# For an optional GPU. One that is free is mostly there at once, but another session may be faster;
# one that is not may just have been freed, since what Ray knows of other machines is late.
_FREE_GPU_SECONDS: Final = 5.0
_BUSY_GPU_SECONDS: Final = 1.0
# It takes 2 ms (2026-11-27), but a minute if the GCS does not answer.
_SURVEY_SECONDS: Final = 1.0
# A warm start took 31 ms with the next one's imports beside it, and 20 ms without (2026-11-27, 2
# cores). A node that loads a model takes longer than this, and delays the next warm worker no more.
_UNDISTURBED_SECONDS: Final = 0.5
_log: Final = logging.getLogger("millrace.ray")
_VERSION: Final = version("millrace-runtime")


class RayExecutor:
    """Runs nodes in workers of a Ray cluster."""

    def __init__(self, driver: Driver, settings: RaySettings) -> None:
        """Create it.

        Args:
            driver: starts and ends workers.
            settings: of the operator.
        """
        self._driver = driver
        self._settings = settings
        self._warm: deque[PlacedWorker] = deque()
        self._used = trio.Event()
        self._running = 0

    async def keep_warm(self) -> None:
        """Keep workers ready for nodes that any place will do for, until cancelled.

        One is started at a time, so that sessions find a processor meanwhile.
        """
        try:
            while True:
                while len(self._warm) < self._settings.warm and await self._warm_up():
                    self._warm = deque(each for each in self._warm if not each.ended.is_set())
                self._used = trio.Event()
                await self._used.wait()
        finally:
            for worker in self._warm:
                worker.end()

    async def _warm_up(self) -> bool:
        """Start a worker; return whether that worked. If not, the next node tries again."""
        worker = self._driver.place(ClusterRequest())
        try:
            await first_of(worker.opened, worker.ended, self._driver.lost)
        except BaseException:
            worker.end()
            raise
        if worker.message is None:
            _log.warning("Ray cannot start a warm worker: %s", printable(worker.reason))
            return False
        self._warm.append(worker)
        return True

    async def run(self, task: NodeTask) -> None:
        """Run one node.

        Raises:
            NodeError: the actor or its process failed, or the cluster cannot run it.
            LimitError: the cluster had no room in time, or the node needs more memory than it may
                have.
            InitTimeoutError: the cluster has room, and has not started the worker in time.
        """
        most = self._settings.max_workers
        if self._running >= most:
            raise LimitError(
                f"the server has {most} nodes on the Ray cluster (executors.ray.max_workers)",
                node_id=task.node_id,
            )
        self._running += 1
        try:
            await self._run(task)
        finally:
            self._used.set()
            self._running -= 1

    async def _run(self, task: NodeTask) -> None:
        began = trio.current_time()
        worker, opened = await self._opened(task)
        lost = trio.Event()
        try:
            if opened.version != _VERSION:
                raise SpawnError(
                    task.node_id,
                    f"Millrace is {opened.version} on {opened.machine} of the Ray cluster, and "
                    f"{_VERSION} here; install the same everywhere",
                )
            certificate = task.socket_ends().certificate if self._settings.tls else None
            worker.run(
                task.socket_ends().secret.key,
                self._settings.partition_timeout_secs,
                certificate.pem if certificate is not None else b"",
            )
            task.started(trio.current_time() - began)
            await self._run_in(task, worker, opened, certificate, lost)
        finally:
            seconds = 0 if lost.is_set() else _END_SECONDS
            await self._end(worker, seconds)  # noqa: ASYNC102 (it shields itself, with a deadline)

    async def _opened(self, task: NodeTask) -> tuple[PlacedWorker, OpenedWorker]:
        """Return a worker that waits for its node."""
        try:
            request = cluster_request(task.plan.capabilities, self._settings.gpu_memory_gb)
        except ValueError as error:
            raise SpawnError(task.node_id, str(error)) from error
        if request.is_plain and (warm := self._take_warm()) is not None:
            return warm
        with trio.move_on_after(task.init_timeout_seconds):
            request, gpu_seconds = await self._checked(task, request)
            if request.gpu_is_optional:
                with trio.move_on_after(gpu_seconds):
                    return await self._place(task, request)
                request = request.without_gpu()
            return await self._place(task, request)
        found = "it does not tell what it has"
        with trio.move_on_after(_SURVEY_SECONDS):
            nodes = await self._driver.survey()
            if has_room_now(request, nodes):
                raise InitTimeoutError(
                    task.node_id,
                    task.init_timeout_seconds,
                    alternative=f"find out why Ray has not started its worker, for which it has "
                    f"room: a busy machine, or what the log of the raylet tells ({request})",
                )
            found = waiting(request, nodes)
        raise LimitError(
            f"the Ray cluster had no room within {task.init_timeout_seconds:g} s "
            f"(multiprocess.init_timeout_secs): {found}",
            node_id=task.node_id,
        )

    def _take_warm(self) -> tuple[PlacedWorker, OpenedWorker] | None:
        while self._warm:
            worker = self._warm.popleft()
            if worker.message is not None and not worker.ended.is_set():
                return worker, worker.message.opened
        return None

    async def _checked(
        self, task: NodeTask, request: ClusterRequest
    ) -> tuple[ClusterRequest, float]:
        """Return what to ask Ray for, and how long to wait for an optional GPU."""
        nodes = await self._driver.survey()
        self._check_connected(task)
        if request.gpu_is_optional and not has_room_ever(request, nodes):
            request = request.without_gpu()
        if not has_room_ever(request, nodes):
            raise LimitError(refusal(request, nodes), node_id=task.node_id)
        if has_room_now(request, nodes):
            text = f"Ray starts a worker with {request}"
        else:
            text = waiting(request, nodes)
        task.report(Progress("starting", 0.0, text))
        is_free = has_room_now(request, nodes)
        return request, _FREE_GPU_SECONDS if is_free else _BUSY_GPU_SECONDS

    async def _place(
        self, task: NodeTask, request: ClusterRequest
    ) -> tuple[PlacedWorker, OpenedWorker]:
        worker = self._driver.place(request)
        try:
            await first_of(worker.opened, worker.ended, self._driver.lost)
        except BaseException:
            worker.end()
            raise
        self._check_connected(task)
        if worker.message is None:
            raise SpawnError(task.node_id, _hint(f"Ray cannot start its worker: {worker.reason}"))
        return worker, worker.message.opened

    async def _run_in(
        self,
        task: NodeTask,
        worker: PlacedWorker,
        opened: OpenedWorker,
        certificate: LinkCertificate | None,
        lost: trio.Event,
    ) -> None:
        failures: list[BaseException] = []

        async def why_ended() -> str:
            await first_of(worker.ended, self._driver.lost)
            return worker.reason or self._driver.loss or "it has left"

        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._end_with_driver, task, failures, nursery.cancel_scope)
            nursery.start_soon(self._replace_when_ready, task)
            try:
                await run_socket_node(
                    task,
                    (opened.host, opened.port),
                    tls=certificate.dialling() if certificate is not None else None,
                    why_ended=why_ended,
                    silence_seconds=self._settings.partition_timeout_secs,
                    on_lost=lost.set,
                )
            except (NodeError, LimitError) as error:
                failures.append(error)
            nursery.cancel_scope.cancel()
        if failures:
            raise failures[0]

    async def _replace_when_ready(self, task: NodeTask) -> None:
        """Let the next warm worker be started: its imports would slow down those of this node."""
        with trio.move_on_after(_UNDISTURBED_SECONDS):
            await task.ready.wait()
        self._used.set()

    async def _end_with_driver(
        self, task: NodeTask, failures: list[BaseException], scope: trio.CancelScope
    ) -> None:
        await self._driver.lost.wait()
        failures.append(self._loss(task))
        scope.cancel()

    async def _end(self, worker: PlacedWorker, seconds: float) -> None:
        """Let Ray kill a worker that still runs. One that is cut off is killed by its guard."""
        with trio.CancelScope(shield=True):
            worker.end()
            with trio.move_on_after(seconds):
                await first_of(worker.ended, self._driver.lost)

    def _check_connected(self, task: NodeTask) -> None:
        if self._driver.lost.is_set():
            raise self._loss(task)

    def _loss(self, task: NodeTask) -> NodeError:
        return NodeError(task.node_id, f"the Ray cluster is lost: {self._driver.loss}")


def _hint(text: str) -> str:
    if "No module named" in text:
        return f"{text}; install millrace-runtime=={_VERSION} on every node of the cluster"
    return text


@asynccontextmanager
async def open_ray_executor(
    config: RuntimeConfig, settings: RaySettings
) -> AsyncIterator[RayExecutor]:
    """Start the process of the Ray driver, and connect it to the cluster.

    Raises:
        PipelineError: Ray is not installed, or the cluster cannot be reached.
    """
    check_installed()
    if settings.tls and not LinkCertificate.is_available():
        raise PipelineError(
            "executors.ray.tls needs the package cryptography, which the extra ray installs: "
            'pip install "millrace-runtime[ray]"'
        )
    without = secret_variables(config)
    async with open_driver(settings.address or "", without=without) as driver:
        executor = RayExecutor(driver, settings)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(executor.keep_warm)
            nursery.start_soon(_end_with_driver, driver)
            yield executor
            nursery.cancel_scope.cancel()


async def _end_with_driver(driver: Driver) -> None:
    await driver.lost.wait()
    raise PipelineError(f"the Ray cluster is lost: {driver.loss}")
