"""A client on grpclib under asyncio, with the messages that betterproto2 generated."""

from collections.abc import AsyncIterator

import numpy as np
from grpclib.client import Channel

from runtime.wire import (
    AudioBuffer,
    AudioFormat,
    DataBuffer,
    DataChunk,
    PipelineManifest,
    StreamControl,
    StreamControlCommand,
    StreamingPipelineServiceStub,
    StreamInit,
    StreamRequest,
    StreamResponse,
)


async def stream_audio(
    port: int, manifest: PipelineManifest, node: str, *, first: int, chunks: int
) -> list[StreamResponse]:
    """Stream chunk n of 160 samples of value n, from sequence `first` on; return the responses."""

    async def requests() -> AsyncIterator[StreamRequest]:
        yield StreamRequest(init=StreamInit(manifest=manifest, client_version="grpclib"))
        for n in range(chunks):
            audio = AudioBuffer(
                samples=np.full(160, n, "<f4").tobytes(),
                sample_rate=16000,
                channels=1,
                format=AudioFormat.F32,
                num_samples=160,
            )
            buffer = DataBuffer(audio=audio)
            yield StreamRequest(
                data_chunk=DataChunk(node_id=node, buffer=buffer, sequence=first + n)
            )
        yield StreamRequest(control=StreamControl(command=StreamControlCommand.CLOSE))

    async with Channel("127.0.0.1", port) as channel:
        stub = StreamingPipelineServiceStub(channel)
        return [response async for response in stub.stream_pipeline(requests())]
