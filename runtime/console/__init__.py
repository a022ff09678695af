"""The web console: a page that shows sessions, live, at the operator's HTTP port.

Its libraries, the extra `http`, are imported when the port is opened.
"""

from .opening import Console, open_console

__all__ = ["Console", "open_console"]
