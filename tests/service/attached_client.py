"""A client that attaches, for tests that stop or kill it.

`python -m tests.service.attached_client HOST:PORT SESSION NODE` prints a line when it taps NODE.
"""

import sys

from tests.service.attaching import Attach
from tests.service.grpcio_client import connected


def main() -> None:
    target, session_id, node = sys.argv[1:]
    with connected(target) as client, Attach(client, session_id, timeout=600) as attach:
        attach.attached()
        attach.subscribe(node)
        attach.send("intercept", addr=attach_address(node), deadline_ms=20)
        attach.send(None)
        attach.next("error")
        print("attached", flush=True)
        for _ in attach.call:
            pass


def attach_address(node: str) -> object:
    from tests.service.attaching import out

    return out(node)


if __name__ == "__main__":
    main()
