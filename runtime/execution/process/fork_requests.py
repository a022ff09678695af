"""What the server and the forkserver say to each other."""

from typing import Final

FORK: Final = b"F"
READY: Final = b"R"
FORK_DESCRIPTORS: Final = 3
REQUEST_BYTES: Final = 8192
