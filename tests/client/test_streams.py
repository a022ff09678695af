"""A stream: chunks in, results, progress and metrics out, under asyncio and under trio."""

import os
from functools import partial
from pathlib import Path

import numpy as np

from actors import Audio, Binary, Bundle, Data, Json, NumpyArray, Tensor, Text
from runtime import Result
from runtime.client import RemoteRuntime, RemoteStream
from runtime.service import GrpcServer
from tests.session.pipelines import chain, manifest

from .conftest import Client
from .libraries import together, write_to

ITEMS: list[Data] = [
    Audio(np.arange(8, dtype=np.float32).reshape(4, 2), 16000, b'{"a": 1}', metadata={"key": "v"}),
    Audio(np.arange(8, dtype=np.int16), 8000),
    Tensor(np.arange(6, dtype=np.float16).reshape(2, 3), "HW"),
    NumpyArray(np.asfortranarray(np.arange(6.0).reshape(2, 3))),
    Json({"operation": "add", "operands": [1, 2]}),
    Text("grüße", "de", "ui"),
    Binary(b"bytes", "application/x-bytes"),
]
MIXED = manifest(
    {"a": "PassThrough", "b": "PassThrough"}, ["a > b"], places={"a": "multiprocess", "b": "native"}
)
ECHO = manifest({"echo": "PassThrough"}, places={"echo": "native"})


async def results_of(stream: RemoteStream) -> list[Result]:
    return [result async for result in stream]


async def test_items_of_all_kinds_come_back_in_order_with_their_sequences(
    server: GrpcServer, client: Client
) -> None:
    async def body(runtime: RemoteRuntime) -> None:
        async with runtime.stream(MIXED) as stream:
            for number, item in enumerate(ITEMS):
                assert await stream.send(item, node="a", sequence=7 * number) == 7 * number
            await stream.close()
            results = await results_of(stream)
        assert [result.data for result in results] == ITEMS
        assert [result.sequence for result in results] == [7 * n for n in range(len(ITEMS))]
        assert {result.node_id for result in results} == {"b"}
        assert all(result.latency_seconds > 0 for result in results)

    await client(server, body)


async def test_arrays_and_text_are_sent_as_they_are(server: GrpcServer, client: Client) -> None:
    async def body(runtime: RemoteRuntime) -> None:
        samples = np.zeros((160, 2), np.int16)
        async with runtime.stream(ECHO) as stream:
            await stream.send(samples, sample_rate=8000)
            samples[:] = 1  # it is the caller's again
            await stream.send(samples)
            await stream.send("text")
            await stream.close()
            audio, array, text = [result.data for result in await results_of(stream)]
        assert audio == Audio(np.zeros((160, 2), np.int16), 8000)
        assert array == NumpyArray(np.ones((160, 2), np.int16))
        assert text == Text("text")

    await client(server, body)


async def test_a_bundle_is_one_chunk_of_named_buffers_and_one_result(
    server: GrpcServer, client: Client
) -> None:
    async def body(runtime: RemoteRuntime) -> None:
        async with runtime.stream(ECHO) as stream:
            sent = Bundle({"left": Text("l"), "right": Json(1)}, metadata={"of": "both"})
            await stream.send(sent)
            await stream.close()
            results = await results_of(stream)
        (result,) = results
        assert result.data == sent
        assert result.sequence == 0

    await client(server, body)


async def test_what_the_session_has_taken_is_told_where_it_is_asked_for(
    server: GrpcServer, client: Client
) -> None:
    told: list[tuple[int, int]] = []

    async def body(runtime: RemoteRuntime) -> None:
        async with runtime.stream(ECHO, on_taken=lambda *each: told.append(each)) as stream:
            for number in range(5):
                await stream.send(Json(number))
            await stream.close()
            assert len(await results_of(stream)) == 5

    await client(server, body)
    assert told[-1] == (5, 0)
    assert told == sorted(told)


async def test_a_chunk_without_a_node_goes_to_all_sources(
    server: GrpcServer, client: Client
) -> None:
    two = manifest({"a": "PassThrough", "b": "PassThrough"})

    async def body(runtime: RemoteRuntime) -> None:
        async with runtime.stream(two) as stream:
            await stream.send("x")
            await stream.close()
            results = await results_of(stream)
        assert sorted((r.node_id, r.sequence) for r in results) == [("a", 0), ("b", 0)]

    await client(server, body)


async def test_progress_is_told_until_all_nodes_are_ready(
    server: GrpcServer, client: Client
) -> None:
    pipeline = manifest({"n": ("Loading", {"seconds": 0.01})}, places={"n": "multiprocess"})

    async def body(runtime: RemoteRuntime) -> None:
        async with runtime.stream(pipeline, chunk_size=320) as stream:
            await stream.send("early")  # waits by itself
            assert stream.session_id == ""
            reports = [report async for report in stream.progress()]
            assert stream.recommended_chunk_size == 320
            assert stream.session_id
            await stream.close()
            assert len(await results_of(stream)) == 1
        assert {report.node_id for report in reports} == {"n"}
        assert {"step 1", "step 2", "step 3"} <= {report.message for report in reports}
        assert reports[-1].status == "ready"

    await client(server, body)


async def test_progress_readiness_and_results_may_be_waited_for_at_the_same_time(
    server: GrpcServer, client: Client
) -> None:
    async def body(runtime: RemoteRuntime) -> None:
        seen: list[object] = []
        async with runtime.stream(chain("PassThrough", ["multiprocess"])) as stream:

            async def progress() -> None:
                seen.extend([report.status async for report in stream.progress()])

            async def ready() -> None:
                await stream.wait_ready()
                await stream.send("x")
                await stream.close()

            async def results() -> None:
                seen.extend([result.sequence async for result in stream])

            await together(results, progress, ready)
        assert seen[-1] == 0
        assert "ready" in seen

    await client(server, body)


async def test_metrics_come_with_every_tenth_chunk_and_at_the_end(
    server: GrpcServer, client: Client
) -> None:
    async def body(runtime: RemoteRuntime) -> None:
        async with runtime.stream(ECHO) as stream:
            before = stream.metrics
            assert before is None
            for _ in range(20):
                await stream.send("x")
            await stream.close()
            await results_of(stream)
            assert stream.metrics is not None
            assert stream.metrics.chunks_processed == 20
            assert stream.closed is not None
            assert stream.closed.session_id == stream.session_id
            final = stream.closed.final_metrics
            assert final is not None
            assert final.node_metrics["echo"].items_processed == 20

    await client(server, body)


async def test_a_closed_input_ends_the_stream_without_a_last_word(
    server: GrpcServer, client: Client
) -> None:
    async def body(runtime: RemoteRuntime) -> None:
        async with runtime.stream(manifest({"sum": "Sum"})) as stream:
            await stream.send(Json(1))
            await stream.send(Json(2))
            await stream.close_input()
            assert [result.data for result in await results_of(stream)] == [Json(3)]
            assert stream.closed is None
            assert await stream.receive() is None

    await client(server, body)


async def test_cancelling_drops_what_waits(server: GrpcServer, client: Client) -> None:
    slow = manifest({"slow": ("Slow", {"seconds": 3600})}, places={"slow": "multiprocess"})

    async def body(runtime: RemoteRuntime) -> None:
        async with runtime.stream(slow) as stream:
            await stream.wait_ready()
            for _ in range(3):
                await stream.send("x")
            await stream.cancel()
            assert await results_of(stream) == []
            assert stream.closed is not None
            assert stream.closed.reason == "cancelled by the client"

    await client(server, body)


async def test_many_streams_of_one_connection_get_their_own_results(
    server: GrpcServer, client: Client
) -> None:
    async def body(runtime: RemoteRuntime) -> None:
        async def talk(number: int) -> None:
            async with runtime.stream(ECHO if number % 2 else MIXED) as stream:
                for count in range(20):
                    await stream.send(f"{number}: {count}", sequence=100 * number + count)
                await stream.close()
                results = await results_of(stream)
            assert [str(r.data) for r in results] == [f"{number}: {n}" for n in range(20)]
            assert [r.sequence for r in results] == [100 * number + n for n in range(20)]

        await together(*(partial(talk, number) for number in range(6)))

    await client(server, body)


async def test_a_manifest_may_be_an_object_or_a_file(
    server: GrpcServer, client: Client, tmp_path: Path
) -> None:
    written = tmp_path / "pipeline.yaml"
    written.write_text(
        "version: v1\nmetadata:\n  name: y\n  multiprocess: {executor_overrides: {n: native}}\n"
        "nodes:\n- {id: n, node_type: MultiplyNode, params: {factor: 3}}\nconnections: []\n"
    )
    said = {
        "version": "v1",
        "metadata": {"name": "o"},
        "nodes": [{"id": "n", "node_type": "PassThrough"}],
        "connections": [],
    }

    async def body(runtime: RemoteRuntime) -> None:
        for pipeline in (written, str(written), said):
            async with runtime.stream(pipeline) as stream:
                await stream.send(Json(2))
                await stream.close()
                assert len(await results_of(stream)) == 1

    await client(server, body)


async def test_the_first_item_of_a_gated_pipeline_comes_out_when_the_gate_opens(
    server: GrpcServer, client: Client, tmp_path: Path
) -> None:
    pipe = tmp_path / "gate"
    os.mkfifo(pipe)
    gated = manifest({"gate": ("Gated", {"path": str(pipe)})}, places={"gate": "multiprocess"})

    async def body(runtime: RemoteRuntime) -> None:
        async with runtime.stream(gated) as stream:
            await stream.send("x")
            await write_to(str(pipe))
            result = await stream.receive()
            assert result is not None
            assert result.data == Text("x")

    await client(server, body)


async def test_any_number_of_tasks_may_wait_until_a_stream_is_ready(
    server: GrpcServer, client: Client
) -> None:
    async def body(runtime: RemoteRuntime) -> None:
        async with runtime.stream(ECHO) as stream:
            waiting = 6

            async def wait_ready() -> None:
                nonlocal waiting
                await stream.wait_ready()
                waiting -= 1
                if not waiting:  # a result comes only when all of them have gone on
                    await stream.send("x")
                    await stream.close()

            results: list[Result] = []

            async def receive() -> None:
                results.extend(await results_of(stream))

            await together(*[wait_ready] * 3, receive, *[wait_ready] * 3)
            assert [result.data for result in results] == [Text("x")]

    await client(server, body)
