"""A node in a process behind a socket."""

from .node import run_node_behind_socket

__all__ = [
    "run_node_behind_socket",
]
