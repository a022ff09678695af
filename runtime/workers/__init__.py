"""Several server processes as one server: workers that share the ports, limits and operations."""

from .member import Member, open_member
from .supervisor import Supervisor, WorkerStartError, open_supervisor
from .worker_process import END_SECONDS

__all__ = [
    "END_SECONDS",
    "Member",
    "Supervisor",
    "WorkerStartError",
    "open_member",
    "open_supervisor",
]
