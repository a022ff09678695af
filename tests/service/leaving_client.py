"""A client for tests to kill: it streams, tells which processes its nodes have, and goes on."""

import itertools
import json
import sys

from tests.service.grpcio_client import connected
from tests.service.messages import chunk, json_buffer, pipeline


def main(target: str) -> None:
    """Stream for ever."""
    manifest = pipeline(
        {"a": "WhereAmI", "b": "WhereAmI", "c": "PassThrough"},
        ["a > c", "b > c"],
        places={"a": "multiprocess", "b": "multiprocess", "c": "native"},
    )
    with connected(target) as client, client.pipeline(manifest) as stream:
        stream.wait_ready()
        stream.send(*(chunk(json_buffer(0), 0, node) for node in "ab"))
        told = [json.loads(each.data_outputs["c"].json.json_payload) for each in stream.results(2)]
        print(*(each["pid"] for each in told), flush=True)
        for sequence in itertools.count():
            stream.send(chunk(json_buffer(sequence), sequence, "c"))
            stream.results(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
