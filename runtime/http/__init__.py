"""The operator's HTTP port: metrics and health, and a place for further routes.

The libraries of it, the extra `http`, are imported when a port is opened.
"""

from .server import HttpServer, open_http_server
from .tokens import Tokens

__all__ = ["HttpServer", "Tokens", "open_http_server"]
