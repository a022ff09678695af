"""A node process that writes wrong things is named in the error, and not who reads them."""

import signal
from collections.abc import Iterator
from contextlib import suppress

import pytest
import trio

from actors import Text
from runtime import Manifest, NodeError, Runtime

from .pipelines import manifest

COUNT = 8
PLACES = ["native", "multiprocess"]
DROPPING = {"enable_backpressure": False}


@pytest.fixture(autouse=True)
def no_hangs() -> Iterator[None]:
    """Turn a hang into a failure."""
    signal.signal(signal.SIGALRM, lambda *_: pytest.fail("the test hangs"))
    signal.alarm(30)
    yield
    signal.alarm(0)


def around(how: str, reader: str, **multiprocess: object) -> Manifest:
    """Return a pipeline with a liar; its reader is "native", "multiprocess", or "client"."""
    nodes = {"before": "PassThrough", "liar": ("Liar", {"how": how}), "far": "PassThrough"}
    places = {"before": "native", "liar": "multiprocess", "far": "native"}
    connections = ["before > liar"]
    if reader != "client":
        nodes["reader"], places["reader"] = "PassThrough", reader
        connections += ["liar > reader", "reader > far"]
    else:
        connections.append("before > far")
    return manifest(nodes, connections, places=places, **multiprocess)


async def run(runtime: Runtime, pipeline: Manifest) -> int:
    """Send items to the end; return the number of results."""
    count = 0
    async with runtime.open_session(pipeline) as session, trio.open_nursery() as nursery:

        @nursery.start_soon
        async def send() -> None:
            for n in range(COUNT):
                await session.send(Text(f"{n}"), node="before")
            await session.close_input()

        async for _ in session:
            count += 1
    return count


async def error_of(runtime: Runtime, pipeline: Manifest) -> NodeError:
    with pytest.raises(NodeError) as caught:
        await run(runtime, pipeline)
    return caught.value


HEADERS = {
    "kind": "broken item",
    "payload_size": "broken item",
    "attributes_size": "broken item",
    "number": "numbered item 3 of its link",
    "slot_size": "not in its shared memory",
}


@pytest.mark.parametrize("reader", [*PLACES, "client"])
@pytest.mark.parametrize("how", HEADERS)
@pytest.mark.parametrize("more", [{}, DROPPING], ids=["waiting", "dropping"])
async def test_a_wrong_header_is_the_fault_of_the_process_that_wrote_it(
    runtime: Runtime, how: str, reader: str, more: dict[str, object]
) -> None:
    error = await error_of(runtime, around(how, reader, **more))
    assert error.node_id == "liar"
    assert HEADERS[how] in str(error)


async def test_a_wrong_header_that_is_met_without_waiting_is_reported_by_the_next_wait(
    runtime: Runtime,
) -> None:
    with pytest.raises(NodeError) as caught:
        async with runtime.open_session(around("kind", "client")) as session:
            for n in range(COUNT):
                await session.send(Text(f"{n}"), node="before")
            while True:
                await session.receive()
                with suppress(trio.WouldBlock):
                    while True:
                        session.receive_nowait()
    assert caught.value.node_id == "liar"


ENDS = {
    "end_of_more": "after 10 items, of which 8 have arrived",
    "end_of_less": "after 6 items, of which 8 have arrived",
    "end_without_number": "end mark without the number",
    "early_end": "end",
    "sent_more": "after 8 items, and reports that it has sent 9",
}


@pytest.mark.parametrize("reader", [*PLACES, "client"])
@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("more", [{}, DROPPING], ids=["waiting", "dropping"])
async def test_an_end_that_does_not_fit_the_items_is_the_producer_s_fault(
    runtime: Runtime, how: str, reader: str, more: dict[str, object]
) -> None:
    error = await error_of(runtime, around(how, reader, **more))
    assert error.node_id == "liar"
    assert ENDS[how] in str(error)


FIGURES = {
    "negative_count": r"\$.statistics.items_in",
    "endless_count": r"\$.statistics.memory_bytes",
    "no_number": r"\$.statistics.cpu_seconds",
    "negative_time": r"\$.statistics.waiting_seconds",
    "text_for_a_count": r"\$.statistics.items_out",
    "endless_bucket": r"\$.statistics.processing.buckets",
}


@pytest.mark.parametrize("how", FIGURES)
async def test_bad_figures_end_the_session_and_name_their_node(runtime: Runtime, how: str) -> None:
    with pytest.raises(NodeError, match=FIGURES[how]) as caught:
        await run(runtime, around(how, "native"))
    assert caught.value.node_id == "liar"


@pytest.mark.parametrize("how", FIGURES)
async def test_bad_figures_name_their_node_while_the_stream_runs(
    runtime: Runtime, how: str
) -> None:
    with pytest.raises(NodeError, match=FIGURES[how]) as caught:
        async with runtime.open_session(around(how, "native")) as session:
            await session.wait_ready()
            session.refresh_statistics()
            await trio.sleep_forever()
    assert caught.value.node_id == "liar"


@pytest.mark.parametrize("producer", PLACES)
@pytest.mark.parametrize("how", ["credits", "half_credits"])
async def test_wrong_credits_are_the_fault_of_the_reader(
    runtime: Runtime, how: str, producer: str
) -> None:
    pipeline = manifest(
        {"before": "PassThrough", "liar": ("Liar", {"how": how})},
        ["before > liar"],
        places={"before": producer, "liar": "multiprocess"},
        channel_capacity=2,
    )
    error = await error_of(runtime, pipeline)
    assert error.node_id == "liar"
    assert ("reports 100" if how == "credits" else "credits of") in str(error)


async def test_a_process_cannot_accuse_a_node_that_it_has_no_link_to(runtime: Runtime) -> None:
    error = await error_of(runtime, around("accusation", "native"))
    assert error.node_id == "liar"
    assert "is accused" in str(error)


@pytest.mark.parametrize("reader", [*PLACES, "client"])
@pytest.mark.parametrize("more", [{}, DROPPING], ids=["waiting", "dropping"])
async def test_a_liar_that_does_not_lie_is_left_alone(
    runtime: Runtime, reader: str, more: dict[str, object]
) -> None:
    assert await run(runtime, around("", reader, **more)) == COUNT * (
        2 if reader == "client" else 1
    )
