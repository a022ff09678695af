"""Where a request comes from."""

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection


def is_same_origin(request: HTTPConnection) -> bool:
    """Return whether a page of this port has sent a request: its Origin is the Host."""
    try:
        origin = urlsplit(request.headers.get("origin", ""))
    except ValueError:  # such as brackets around what is no address
        return False
    host = request.headers.get("host", "")
    return bool(host) and origin.scheme in ("http", "https") and origin.netloc == host
