"""The page on which a person signs in."""

from importlib.resources import files
from string import Template
from typing import Final

from starlette.responses import HTMLResponse, Response

_FAILURE: Final = '\n        <p class="wrong" role="alert">This token is not known.</p>'


class SignInPage:
    """The form for a token, which posts to `login` in the folder of the page.

    Args:
        path: of the folder, such as "/console/".
        stylesheet: the file of its style, in `assets` there.
        label: of the field for the token, as HTML.
        hint: which token it is, as HTML.
    """

    def __init__(self, *, path: str, stylesheet: str, label: str, hint: str) -> None:
        template = Template((files(__package__) / "assets" / "sign_in.html").read_text("utf-8"))
        values = {"path": path, "stylesheet": stylesheet, "label": label, "hint": hint}
        self._page = template.substitute(values, failure="")
        self._page_after_failure = template.substitute(values, failure=_FAILURE)

    def response(self) -> Response:
        """Return the page."""
        return HTMLResponse(self._page)

    def failure(self) -> Response:
        """Return the page after a token that is not known, with status 401."""
        return HTMLResponse(self._page_after_failure, 401)
