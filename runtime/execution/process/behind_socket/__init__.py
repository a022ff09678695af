"""A node in a process behind a socket."""

from .node import GiveSigns, PrivateActivity, run_node_behind_socket

__all__ = ["GiveSigns", "PrivateActivity", "run_node_behind_socket"]
