"""What the process of a node behind a socket runs: for executors at `Place.SOCKET`.

It imports no more of the runtime than a node needs.
"""

from ..execution.process.behind_socket import run_node_behind_socket
from ..links.socket import Address, LinkCertificate, LinkSecret

__all__ = [
    "Address",
    "LinkCertificate",
    "LinkSecret",
    "run_node_behind_socket",
]
