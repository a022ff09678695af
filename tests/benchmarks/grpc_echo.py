"""A stream through one native node over gRPC, against grpclib that echoes raw bytes."""

from .grpc_clients import ECHO, STREAM, EchoStream, audio_chunk, server
from .report import Report, median

TURNS = 9
# Bytes, round trips of a turn, messages of a turn's throughput.
SIZES = ((640, 200, 2000), (65536, 100, 500), (1024 * 1024, 20, 50))


def main() -> None:
    """Run the measurement."""
    report = Report(
        "grpc_echo",
        "Echo over gRPC through one native node, against raw bytes on grpclib and trio-asyncio",
        ("", "floor us", "ours us", "ours / floor", "floor msg/s", "ours msg/s", "ours / floor"),
    )
    with server("floors.grpc_echo") as (floor_port, _), server("grpc_server") as (our_port, _):
        floor, ours = EchoStream(floor_port, ECHO), EchoStream(our_port, STREAM)
        ours.open_session()
        for size, rounds, count in SIZES:
            add_size(report, floor, ours, size, rounds, count)
        floor.close()
        ours.close()
    report.show()


def add_size(
    report: Report, floor: EchoStream, ours: EchoStream, size: int, rounds: int, count: int
) -> None:
    """Measure both in turns with messages of one size."""
    message = audio_chunk(size)
    times: list[tuple[float, float]] = []
    rates: list[tuple[float, float]] = []
    for _ in range(TURNS):
        trips = [
            median(stream.round_trip(message, size) for _ in range(rounds))
            for stream in (floor, ours)
        ]
        times.append((trips[0], trips[1]))
        flows = [stream.throughput(message, size, count) for stream in (floor, ours)]
        rates.append((flows[0], flows[1]))
    report.add(
        f"{size} B",
        floor_us=median(each[0] for each in times),
        ours_us=median(each[1] for each in times),
        time_ratio=median(each[1] / each[0] for each in times),
        floor_rate=median(each[0] for each in rates),
        our_rate=median(each[1] for each in rates),
        rate_ratio=median(each[1] / each[0] for each in rates),
    )


if __name__ == "__main__":
    main()
