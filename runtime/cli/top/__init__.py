"""`millrace top`: a running server, its sessions and what has ended, on one screen."""

from .columns import SORT_NAMES
from .once import print_once
from .screen import show_top
from .view import ViewOptions

__all__ = [
    "SORT_NAMES",
    "ViewOptions",
    "print_once",
    "show_top",
]
