"""The log of a server: one entry per event, for people or for machines, with session and node.

Entries are written by a thread of their own, from a bounded queue: a standard error that nobody
reads delays neither the event loop nor the end of the server.
"""

from .node_records import log_output, log_record
from .origin import Origin, output_of_node
from .output import LogOutput, log_written

__all__ = ["LogOutput", "Origin", "log_output", "log_record", "log_written", "output_of_node"]
