"""Sessions of applications on asyncio: results, errors, cancellation and clean-up."""

import asyncio
import inspect
import os
import signal
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import trio

import runtime
from actors import Data, Json, Text
from actors.nodes.pass_through import PassThrough
from runtime import (
    CallerError,
    HookError,
    InputKindError,
    ManifestError,
    NodeError,
    NodeState,
    PipelineError,
    ProcessExitError,
    RuntimeConfig,
    SessionClosedError,
    SessionKilledError,
    SessionState,
    UnknownNodeError,
    aio,
)
from runtime import open_session as open_trio_session
from tests.aio.conftest import Main, OpenAio
from tests.session.pipelines import chain, manifest

Run = Callable[[Main], Any]

PIPELINE = manifest({"first": "PassThrough", "echo": "EchoNode"}, ["first > echo"])
NATIVE = chain("PassThrough", ["native"])
RAISING = chain(("Raising", {"hook": "process"}), ["native"])


async def kill(session: aio.Session, node: str) -> None:
    os.kill((await session.processes())[node], signal.SIGKILL)


def test_results_come_to_the_end_of_the_stream(run: Run, open_aio: OpenAio) -> None:
    async def main() -> None:
        async with open_aio() as runtime, runtime.open_session(PIPELINE) as session:
            reports = {report.node_id async for report in session.progress()}
            assert reports == {"first", "echo"}
            numbers = [await session.send(Text(str(index)), timestamp_ms=7) for index in range(3)]
            await session.close_input()
            results = [result async for result in session]
            assert numbers == [result.sequence for result in results] == [0, 1, 2]
            assert results[2].data == Text("Echo #3: 2")
            assert results[2].timestamp_ms == 7
            with pytest.raises(trio.EndOfChannel):
                await session.receive()
        assert (session.state, session.outcome) == (SessionState.TERMINATED, "completed")

    run(main)


def test_killing_a_node_cancels_the_block_and_raises_one_error_that_names_it(
    run: Run, open_aio: OpenAio
) -> None:
    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        async with open_aio() as runtime:
            with pytest.raises(ProcessExitError, match="node 'echo'.*SIGKILL"):
                async with runtime.open_session(PIPELINE) as session:
                    await session.wait_ready()
                    await kill(session, "echo")
                    await asyncio.Event().wait()
            assert task.cancelling() == 0
            await asyncio.sleep(0)  # no cancellation is left
            with pytest.raises(ProcessExitError, match="node 'echo'"):
                await session.receive()

    run(main)


def test_an_error_ends_the_tasks_of_the_block_and_is_raised_without_a_group(
    run: Run, open_aio: OpenAio
) -> None:
    async def main() -> None:
        async with open_aio() as runtime:
            with pytest.raises(HookError, match="node 'n0'"):
                async with runtime.open_session(RAISING) as session, asyncio.TaskGroup() as group:
                    group.create_task(session.receive())
                    await session.send(Text("x"))
                    await asyncio.Event().wait()

    run(main)


def test_a_failure_reaches_a_task_that_does_not_own_the_block(run: Run, open_aio: OpenAio) -> None:
    """As in a fixture, whose task has ended when the test runs."""

    async def main() -> None:
        async with open_aio() as runtime:
            opening = runtime.open_session(RAISING)
            session = await asyncio.create_task(opening.__aenter__())
            with pytest.raises(HookError, match="node 'n0'"):
                await session.send(Text("x"))
                await session.receive()
            with pytest.raises(HookError, match="node 'n0'"):
                await opening.__aexit__(None, None, None)

    run(main)


def test_a_cancelled_task_leaves_its_session(run: Run, open_aio: OpenAio) -> None:
    async def main() -> None:
        async with open_aio() as runtime:
            ready = asyncio.Event()

            async def use() -> None:
                async with runtime.open_session(PIPELINE) as session:
                    await session.wait_ready()
                    sessions.append(session)
                    ready.set()
                    await session.receive()

            sessions: list[aio.Session] = []
            task = asyncio.create_task(use())
            await ready.wait()
            task.cancel()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert sessions[0].outcome == "cancelled"

    run(main)


@pytest.mark.parametrize("steps", [0, 1, 2, 5, 10])
def test_a_task_is_cancelled_while_it_opens_a_session(
    run: Run, open_aio: OpenAio, steps: int
) -> None:
    async def use() -> None:
        async with open_aio() as runtime, runtime.open_session(PIPELINE) as session:
            await session.wait_ready()
            await asyncio.Event().wait()

    async def main() -> None:
        task = asyncio.create_task(use())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main)


def test_a_timeout_of_receive_loses_no_result(run: Run, open_aio: OpenAio) -> None:
    async def main() -> None:
        async with open_aio() as runtime, runtime.open_session(NATIVE) as session:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await session.receive()
            got: list[int] = []
            for index in range(300):
                await session.send(Json(index))
                receiving = asyncio.create_task(session.receive())
                for _ in range(index % 7):
                    await asyncio.sleep(0)
                receiving.cancel()
                try:
                    got.append((await receiving).sequence)
                except asyncio.CancelledError:
                    got.append((await session.receive()).sequence)
            assert got == list(range(300))

    run(main)


def test_a_timeout_around_the_block_is_a_timeout_error(run: Run, open_aio: OpenAio) -> None:
    async def main() -> None:
        async with open_aio() as runtime:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2), runtime.open_session(PIPELINE) as session:
                    await session.receive()

    run(main)


def test_an_exception_of_the_block_is_raised_as_it_is(run: Run, open_aio: OpenAio) -> None:
    async def main() -> None:
        async with open_aio() as runtime:
            with pytest.raises(ZeroDivisionError) as caught:
                async with runtime.open_session(PIPELINE):
                    raise ZeroDivisionError
            assert caught.traceback[-1].name == "main"
            with pytest.raises(UnknownNodeError, match="nowhere") as refused:
                async with runtime.open_session(PIPELINE) as session:
                    await session.send(Text("x"), node="nowhere")
            assert session.outcome == "failed"  # as on trio: by an invalid input
            assert "main" in [entry.name for entry in refused.traceback]

    run(main)


def test_a_refused_call_leaves_the_session_open(run: Run, open_aio: OpenAio) -> None:
    async def main() -> None:
        async with open_aio() as runtime:
            with pytest.raises(ManifestError, match="Nothing"):
                async with runtime.open_session(chain("Nothing", ["native"])):
                    pass
            with pytest.raises(ManifestError, match="Nothing"):
                await runtime.plan(chain("Nothing", ["native"]))
            plan = await runtime.plan(chain("MultiplyNode", ["native"]))
            async with runtime.open_session(plan) as session:
                with pytest.raises(InputKindError):
                    await session.send(Text("x"))
                with pytest.raises(UnknownNodeError):
                    async with session.tap("nowhere.out"):
                        pass
                await session.send(Json(4))
                assert (await session.receive()).data == Json(8.0)
            with pytest.raises(SessionClosedError, match="its block was left"):
                await session.send(Json(4))

    run(main)


def test_an_interrupt_from_the_keyboard_ends_the_session_and_the_application(
    run: Run, open_aio: OpenAio
) -> None:
    outcomes: list[str] = []

    async def main() -> None:
        async with open_aio() as runtime:
            try:
                async with runtime.open_session(PIPELINE) as session:
                    await session.wait_ready()
                    signal.raise_signal(signal.SIGINT)
                    await session.receive()
            finally:
                outcomes.append(session.outcome)

    with pytest.raises(KeyboardInterrupt):
        run(main)
    assert outcomes == ["cancelled"]


def test_sessions_run_at_the_same_time(run: Run, open_aio: OpenAio) -> None:
    async def use(runtime: aio.Runtime, number: int) -> list[Data]:
        async with runtime.open_session(PIPELINE) as session:
            for index in range(5):
                await session.send(Text(f"{number}.{index}"))
            await session.close_input()
            return [result.data async for result in session]

    async def main() -> None:
        async with open_aio() as runtime:
            results = await asyncio.gather(*(use(runtime, number) for number in range(2)))
        for number in range(2):
            assert results[number][4] == Text(f"Echo #5: {number}.4")

    run(main)


def test_an_iteration_can_be_left_early(run: Run, open_aio: OpenAio) -> None:
    async def main() -> None:
        async with open_aio() as runtime:
            async with runtime.open_session(PIPELINE) as session:
                for index in range(10):
                    await session.send(Text(str(index)))
                async for result in session:
                    assert result.sequence == 0
                    break
            assert session.outcome == "cancelled"

    run(main)


def test_sessions_that_are_open_end_with_their_runtime(run: Run, open_aio: OpenAio) -> None:
    errors: list[BaseException] = []

    async def use(runtime: aio.Runtime, ready: asyncio.Event) -> None:
        try:
            async with runtime.open_session(PIPELINE) as session:
                await session.wait_ready()
                ready.set()
                await asyncio.Event().wait()
        except PipelineError as error:
            errors.append(error)

    async def main() -> None:
        ready = asyncio.Event()
        async with open_aio() as runtime:
            task = asyncio.create_task(use(runtime, ready))
            await ready.wait()
        await task
        with pytest.raises(SessionClosedError):
            await runtime.warm()
        assert "the runtime that it belongs to has ended" in str(errors[0])

    run(main)


def test_an_application_that_ends_leaves_its_sessions(run: Run, open_aio: OpenAio) -> None:
    sessions: list[aio.Session] = []

    async def use(ready: asyncio.Event) -> None:
        async with open_aio() as runtime, runtime.open_session(PIPELINE) as session:
            sessions.append(session)
            await session.wait_ready()
            ready.set()
            await session.receive()

    async def main() -> asyncio.Task[None]:
        ready = asyncio.Event()
        task = asyncio.create_task(use(ready))
        await ready.wait()
        return task  # the loop cancels it

    assert run(main).cancelled()
    assert sessions[0].outcome == "cancelled"


def test_another_loop_or_thread_gets_an_error_that_states_what_to_do(
    run: Run, open_aio: OpenAio, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with open_aio() as runtime, runtime.open_session(NATIVE) as session:

            async def elsewhere() -> None:
                with pytest.raises(CallerError, match="another event loop.*run_coroutine_threads"):
                    await session.send(Text("x"))
                with pytest.raises(CallerError, match="the runtime belongs to"):
                    async with runtime.open_session(NATIVE):
                        pass

            await asyncio.to_thread(asyncio.run, elsewhere())
            await session.send(Text("x"))
            await session.receive()

            def send_from_thread() -> int:
                sending = asyncio.run_coroutine_threadsafe(session.send(Text("x")), loop)
                return sending.result()

            loop = asyncio.get_running_loop()
            assert await asyncio.to_thread(send_from_thread) == 1

    run(main)
    assert "still running" not in caplog.text  # the threads are the application's own


def test_taps_intercepts_states_and_published_items_work(run: Run, open_aio: OpenAio) -> None:
    threads: list[threading.Thread] = []

    async def decide(item: Data) -> Data | None:
        threads.append(threading.current_thread())
        await asyncio.sleep(0)  # of the application's own loop
        assert isinstance(item, Text)
        return None if item.text == "drop" else Text(item.text.upper())

    async def main() -> None:
        pipeline = manifest({"a": "PassThrough", "b": "PassThrough"}, ["a > b"])
        async with open_aio() as runtime, runtime.open_session(pipeline) as session:
            await session.wait_ready()
            async with session.intercept("a.out", decide), session.tap("b") as outputs:
                await session.send(Text("drop"))
                await session.send(Text("keep"))
                assert (await session.receive()).data == Text("KEEP")
                assert (await outputs.receive()).data == Text("KEEP")
            assert set(threads) == {threading.main_thread()}
            await session.set_node_state("b", NodeState.DISABLED)
            assert await session.publish(Text("lost"), node="b") == 0
            await session.set_node_state("b", NodeState.ENABLED)
            assert await session.publish(Text("x"), node="b") == 1
            assert (await session.receive()).data == Text("x")
            assert set(await session.statistics()) == {"a", "b"}
            assert (await session.totals()).items > 0

    run(main)


def test_a_killed_session_raises_the_reason(run: Run, open_aio: OpenAio) -> None:
    async def main() -> None:
        async with open_aio() as runtime:
            with pytest.raises(SessionKilledError, match="enough"):
                async with runtime.open_session(NATIVE) as session:
                    await session.kill("enough")
                    await session.receive()

    run(main)


def test_nodes_on_asyncio_run_in_an_application_on_asyncio(run: Run) -> None:
    async def main() -> None:
        types = {"Vendor": "tests.testing.asyncio_subjects:Vendor"}
        loop = asyncio.get_running_loop()
        async with (
            aio.open_runtime(RuntimeConfig(), node_types=types) as runtime,
            runtime.open_session(manifest({"n": "Vendor"})) as session,
        ):
            await session.send(Text("a b"))
            await session.close_input()
            results = [result.data async for result in session]
            assert results == [Text("A"), Text("B"), Text("END")]
            # trio-asyncio, which that node has imported, leaves this loop alone.
            assert asyncio.get_running_loop() is loop
            assert await asyncio.to_thread(int, "3") == 3

    run(main)


def test_open_session_has_a_runtime_of_its_own(run: Run) -> None:
    async def main() -> None:
        async with aio.open_session(NATIVE) as session:
            await session.send(Text("x"))
            assert (await session.receive()).data == Text("x")

    run(main)


async def test_on_trio_the_error_names_the_function_for_trio() -> None:
    with pytest.raises(CallerError, match="call open_session.* of the package runtime"):
        async with aio.open_session(NATIVE):
            pass


def test_the_function_for_trio_names_the_one_for_asyncio(run: Run) -> None:
    async def main() -> None:
        with pytest.raises(CallerError, match=r"runtime\.aio\.open_session\(\)"):
            async with open_trio_session(NATIVE):
                pass

    run(main)


def test_nodes_get_their_own_errors_in_the_order_of_the_session(
    run: Run, open_aio: OpenAio
) -> None:
    async def fail(runtime: aio.Runtime) -> None:
        async with runtime.open_session(RAISING) as session:
            await session.send(Text("x"))
            await session.receive()

    async def work(runtime: aio.Runtime) -> Data:
        async with runtime.open_session(NATIVE) as session:
            await session.send(Text("x"))
            return (await session.receive()).data

    async def main() -> None:
        async with open_aio() as runtime:
            tasks: list[Coroutine[Any, Any, object]] = [fail(runtime), work(runtime)]
            failed, worked = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(failed, NodeError)
        assert worked == Text("x")

    run(main)


def test_sources_that_never_end_are_stopped(run: Run, open_aio: OpenAio) -> None:
    endless = manifest({"source": ("AsyncCounter", {"count": -1})}, places={"source": "native"})

    async def main() -> None:
        async with open_aio() as runtime, runtime.open_session(endless) as session:
            first = await session.receive()
            await session.close_input(stop_sources=True)
            rest = [result.data async for result in session]
            assert [first.data, *rest] == [Json(number) for number in range(len(rest) + 1)]

    run(main)


def test_a_plan_takes_classes_of_its_own(run: Run, open_aio: OpenAio) -> None:
    async def main() -> None:
        async with open_aio() as runtime:
            own = manifest({"mine": "MineNode"})
            plan = await runtime.plan(own, node_types={"MineNode": PassThrough})
            async with runtime.open_session(plan) as session:
                await session.send(Text("hello"))
                assert (await session.receive()).data == Text("hello")
            with pytest.raises(ManifestError, match="MineNode"):
                await runtime.plan(own)

    run(main)


@pytest.mark.parametrize("name", ["Runtime", "Session"])
def test_the_methods_take_what_those_for_trio_take(name: str) -> None:
    # What only the service passes on: who the client is.
    of_the_service = {"of_client", "peer", "owner", "token_name", "why_ended"}
    on_trio, on_asyncio = getattr(runtime, name), getattr(aio, name)
    for method in [each for each in vars(on_asyncio) if not each.startswith("_")]:
        if not callable(ours := getattr(on_asyncio, method)):
            continue
        expected = inspect.signature(getattr(on_trio, method)).parameters
        wanted = [each for each in expected if each not in of_the_service]
        assert wanted == list(inspect.signature(ours).parameters), method
