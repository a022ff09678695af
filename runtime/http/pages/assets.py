"""The files of a page, read once."""

from importlib.resources import files
from typing import Final

from starlette.responses import PlainTextResponse, Response

_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


class Assets:
    """The files in the folder `assets` of a package.

    Args:
        package: the name of the package.
    """

    def __init__(self, package: str) -> None:
        folder = files(package) / "assets"
        self._files = {each.name: each.read_bytes() for each in folder.iterdir() if each.is_file()}

    def response(self, name: str) -> Response:
        """Return the response with a file; 404 if there is none of this name."""
        content = self._files.get(name)
        if content is None:
            return PlainTextResponse("no such file\n", status_code=404)
        media_type = _TYPES.get(name.rpartition(".")[2], "application/octet-stream")
        return Response(content, headers={"content-type": media_type})
