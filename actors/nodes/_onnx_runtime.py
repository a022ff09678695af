"""onnxruntime, kept from reporting to its maker."""

import os
from types import ModuleType
from typing import Final

from ._extras import import_library

_VARIABLE: Final = "ORT_DISABLE_TELEMETRY"


def import_onnxruntime(*, extra: str, node_type: str) -> ModuleType:
    """Import onnxruntime without its telemetry.

    Its wheels (1.32) send how they are used to Microsoft, by a thread and sockets of their own that
    no session owns. They look at this variable once, when the library is loaded. What the operator
    has set stays.

    Raises:
        ImportError: it cannot be imported; the message has the line that installs it.
    """
    os.environ.setdefault(_VARIABLE, "1")
    return import_library("onnxruntime", extra=extra, node_type=node_type)
