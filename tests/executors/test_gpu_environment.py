"""A node that has a GPU sees that one only."""

import os

from actors import Actor, Json, Kind, Params
from runtime import open_runtime
from runtime.plan import Gpu, Machine


class VisibleDevices(Actor[Params]):
    """Emits which GPUs its process may use."""

    accepts = frozenset({Kind.JSON})
    produces = frozenset({Kind.JSON})

    def process(self, data: Json) -> Json:
        return Json(os.environ.get("CUDA_VISIBLE_DEVICES"))


async def test_a_node_process_sees_its_own_gpu_only() -> None:
    machine = Machine("x86_64", 2, 8.0, (Gpu("cuda", 3, "Only", 16.0),))
    manifest = {
        "version": "v1",
        "metadata": {"name": "gpu", "multiprocess": {"executor_overrides": {"a": "multiprocess"}}},
        "nodes": [
            {"id": "a", "node_type": "VisibleDevices", "capabilities": {"gpu": {"type": "cuda"}}}
        ],
        "connections": [],
    }
    async with (
        open_runtime(
            node_types={"VisibleDevices": VisibleDevices}, machine=lambda: machine
        ) as runtime,
        runtime.open_session(manifest) as session,
    ):
        await session.send(Json(None))
        result = await session.receive()
        assert isinstance(result.data, Json)
        assert result.data.value == "3"
