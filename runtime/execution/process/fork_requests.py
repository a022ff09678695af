"""Messages between the server and a forkserver, on a packet socket."""

from typing import Final

FORK: Final = b"F"
"""Fork a node process. The path of another interpreter follows, and descriptors."""

TEMPLATE: Final = b"T"
"""Fork a template, with the same descriptors; its control socket is a packet socket."""

FORK_DESCRIPTORS: Final = 3
"""With FORK: the supervision socket, the control socket, the pipe for the output."""

PING: Final = b"P"
"""Asks for a sign of life: the forkserver sends it back."""

READY: Final = b"R"
"""From the forkserver: it serves requests."""

REQUEST_BYTES: Final = 8192
