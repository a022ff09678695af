"""A round trip through nodes on another server, on the loopback interface."""

import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from itertools import pairwise

import trio

from actors import Binary
from runtime import Session, open_runtime
from runtime.config import parse_config

from .grpc_clients import server
from .report import Report, median

TURNS = 9
ROUNDS = {640: 200, 65536: 100}


def pipeline(port: int, nodes: int, *, together: bool) -> dict[str, object]:
    """Return a chain of nodes that are all there; together, or each in a session of its own."""
    host = f"127.0.0.1:{port}"
    names = [f"n{number}" for number in range(nodes)]
    # Two names of one address are two hosts.
    hosts = [host if together or number % 2 else f"localhost:{port}" for number in range(nodes)]
    return {
        "version": "v1",
        "metadata": {"name": "remote"},
        "nodes": [
            {"id": name, "node_type": "PassThrough", "host": there}
            for name, there in zip(names, hosts, strict=True)
        ],
        "connections": [{"from": source, "to": target} for source, target in pairwise(names)],
    }


async def turn(session: Session, size: int) -> float:
    """Return the median seconds of a round trip."""
    data, times = Binary(bytes(size)), []
    for _ in range(ROUNDS[size]):
        began = time.perf_counter()
        await session.send(data)
        await session.receive()
        times.append(time.perf_counter() - began)
    return median(times)


async def measure(port: int) -> None:
    """Measure the pipelines in turns, and print a table."""
    config = parse_config(
        "[executors.remote]\nenabled = true\n"
        f'hosts.a = {{address = "127.0.0.1:{port}"}}\nhosts.b = {{address = "localhost:{port}"}}'
    )
    report = Report(
        "remote",
        "Round trip through nodes on another server, us",
        ("", "1 node", "3 together", "x of 1", "3 apart", "x of 1"),
    )
    async with open_runtime(config) as runtime, AsyncExitStack() as stack:
        sessions: Sequence[Session] = [
            await stack.enter_async_context(runtime.open_session(each))
            for each in (
                pipeline(port, 1, together=True),
                pipeline(port, 3, together=True),
                pipeline(port, 3, together=False),
            )
        ]
        for size in ROUNDS:
            rows = [[await turn(each, size) for each in sessions] for _ in range(TURNS)]
            one, three, apart = (1e6 * median(each) for each in zip(*rows, strict=True))
            ratios = [median(row[n] / row[0] for row in rows) for n in (1, 2)]
            report.add(
                f"{size} B",
                one=one,
                three=three,
                three_ratio=ratios[0],
                apart=apart,
                apart_ratio=ratios[1],
            )
    report.show()


def main() -> None:
    """Run the measurement."""
    with server("grpc_server") as (port, _):
        trio.run(measure, port)


if __name__ == "__main__":
    main()
