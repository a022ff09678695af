"""Whether a Ray cluster has room for a node; this needs no Ray."""

import pytest

from runtime.executors.ray import room_for
from runtime.executors.ray.cluster import has_room_ever, has_room_now, refusal, waiting
from runtime.executors.ray.driver_messages import ClusterNode
from runtime.plan import ClusterRequest

GIB = 2**30
SMALL = ClusterNode("1", "10.0.0.1", "small", {"CPU": 4, "memory": GIB}, {"CPU": 0.5}, {})
LARGE = ClusterNode(
    "2",
    "10.0.0.2",
    "large",
    {"CPU": 16, "GPU": 2, "memory": 64 * GIB},
    {"CPU": 16, "GPU": 0.25, "memory": 64 * GIB},
    {"millrace.io/arch": "x86_64"},
)
NODES = [SMALL, LARGE]


@pytest.mark.parametrize(
    ("wanted", "ever", "now"),
    [
        (ClusterRequest(), True, True),
        (ClusterRequest(cpus=16), True, True),
        (ClusterRequest(cpus=17), False, False),
        (ClusterRequest(gpus=0.25), True, True),
        (ClusterRequest(gpus=0.5), True, False),
        (ClusterRequest(memory_bytes=65 * GIB), False, False),
        (ClusterRequest(labels={"millrace.io/arch": "arm"}), False, False),
    ],
)
def test_a_request_needs_one_node_that_has_all_of_it(
    wanted: ClusterRequest, ever: bool, now: bool
) -> None:
    assert (has_room_ever(wanted, NODES), has_room_now(wanted, NODES)) == (ever, now)


def test_a_refusal_has_the_figures() -> None:
    assert refusal(ClusterRequest(cpus=17, labels={"millrace.io/arch": "arm"}), NODES) == (
        "no node of the Ray cluster has 17 CPU, label millrace.io/arch=arm; there are: 10.0.0.1 "
        "4 CPU, millrace.io/arch=(not set); 10.0.0.2 16 CPU, millrace.io/arch=x86_64"
    )


def test_what_waits_has_the_figures() -> None:
    assert waiting(ClusterRequest(cpus=1, gpus=1), [LARGE] * 7) == (
        "waits for 1 CPU, 1 GPU on the Ray cluster; free: "
        + "; ".join(["10.0.0.2 16 CPU, 0.25 GPU"] * 5)
        + "; 2 more"
    )
    assert waiting(ClusterRequest(), []).endswith("it has no node")


@pytest.mark.parametrize(
    ("wanted", "possible", "text"),
    [
        (ClusterRequest(cpus=0.5), True, "room on 10.0.0.1, 10.0.0.2"),
        (ClusterRequest(gpus=0.5), True, "waits for 0.001 CPU, 0.5 GPU"),
        (ClusterRequest(cpus=17), False, "no node of the Ray cluster has 17 CPU; there are: "),
        (
            ClusterRequest(gpus=3, gpu_is_optional=True),
            True,
            "without its GPU, since no machine has all that it asks for: room on 10.0.0.1",
        ),
        (
            ClusterRequest(gpus=0.5, gpu_is_optional=True),
            True,
            "without its GPU if none gets free: room on 10.0.0.1",
        ),
    ],
)
def test_the_room_for_a_request_names_machines_or_figures(
    wanted: ClusterRequest, possible: bool, text: str
) -> None:
    room = room_for(wanted, NODES)
    assert room.is_possible is possible
    assert room.text.startswith(text)
