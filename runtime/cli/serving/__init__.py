"""`millrace serve`: in one process, or with workers."""

from .announcements import announcer
from .one_process import serve_in_one_process
from .with_workers import serve_with_workers

__all__ = ["announcer", "serve_in_one_process", "serve_with_workers"]
