"""Talk in the browser: a page at the HTTP port that speaks with the operator's pipelines.

Its libraries, the extra `http`, are imported when the port is opened.
"""

from .opening import Talk, open_talk

__all__ = ["Talk", "open_talk"]
