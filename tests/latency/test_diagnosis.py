"""What the summary states about the longest part of a latency."""

import pytest

from runtime.latency import NodeFacts, Part, ResultLatency, Stay, summarize

MS = 1_000_000


def result(*stays: Stay, sequence: int = 0) -> ResultLatency:
    total = sum(stay.total_ns for stay in stays)
    return ResultLatency(stays[-2].node_id, sequence, 1, total, stays)


def way(**hear: int) -> ResultLatency:
    return result(
        Stay("", send=hear.pop("client_send", 0) * MS),
        Stay("vad", process=2 * MS, send=hear.pop("vad_send", 0) * MS),
        Stay("hear", **{name: value * MS for name, value in hear.items() if name != "late"}),
        Stay("", queue=hear.get("late", 0) * MS),
    )


BUSY = {"vad": NodeFacts(0.1, False), "hear": NodeFacts(0.97, True)}
IDLE = {"vad": NodeFacts(0.1, False), "hear": NodeFacts(0.2, True)}


@pytest.mark.parametrize(
    ("found", "facts", "owner", "sentence"),
    [
        (
            way(queue=38, process=21),
            BUSY,
            ("hear", Part.QUEUE),
            "items of vad.out wait 38 ms of 61 ms for hear: channel_capacity is not the reason, "
            "hear is busy 97 %",
        ),
        (
            way(queue=38, process=21),
            IDLE,
            ("hear", Part.QUEUE),
            "hear is busy only 20 %, so they come in bursts",
        ),
        (way(process=21), BUSY, ("hear", Part.PROCESS), "the code of hear takes 21 ms of 23 ms"),
        (way(hold=21), BUSY, ("hear", Part.HOLD), "hear holds items 21 ms of 23 ms"),
        (way(wire=21), BUSY, ("hear", Part.WIRE), "the link from vad to hear takes 21 ms of 23 ms"),
        (
            way(vad_send=40),
            BUSY,
            ("vad", Part.SEND),
            "outputs of vad wait 40 ms of 42 ms for room at hear: a larger channel_capacity than 7 "
            "would only move the wait, hear is busy 97 %",
        ),
        (way(vad_send=40), IDLE, ("vad", Part.SEND), "channel_capacity is 7, and no node is busy"),
        (
            way(client_send=40),
            BUSY,
            ("", Part.SEND),
            "chunks of the client wait 40 ms of 42 ms for room at vad",
        ),
        (way(late=40), BUSY, ("", Part.QUEUE), "results wait 40 ms of 42 ms for the client"),
    ],
)
def test_the_longest_part_has_a_sentence(
    found: ResultLatency,
    facts: dict[str, NodeFacts],
    owner: tuple[str, Part],
    sentence: str,
) -> None:
    summary = summarize([found], facts, channel_capacity=7)
    for quantile in summary.quantiles:
        assert (quantile.owner, quantile.part) == owner
        assert sentence in quantile.diagnosis


def test_the_median_and_the_tail_can_have_different_owners() -> None:
    found = [way(process=20) for _ in range(95)] + [way(queue=300, process=20) for _ in range(5)]
    p50, p99 = summarize(found, BUSY, channel_capacity=100).quantiles
    assert (p50.owner, p50.part, p50.total_ns) == ("hear", Part.PROCESS, 22 * MS)
    assert (p99.owner, p99.part, p99.total_ns) == ("hear", Part.QUEUE, 322 * MS)


def test_only_results_of_one_way_are_compared() -> None:
    short = result(Stay("", send=0), Stay("vad", process=20 * MS), Stay("", wire=MS))
    (p50, _) = summarize([way(process=20)] * 3 + [short], BUSY, channel_capacity=1).quantiles
    assert [stay.node_id for stay in p50.stays] == ["", "vad", "hear", ""]


def test_nothing_is_stated_without_results() -> None:
    summary = summarize([], BUSY, channel_capacity=1, incomplete=3)
    assert (summary.results, summary.incomplete, summary.quantiles) == (0, 3, ())
