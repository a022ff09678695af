"""onnxruntime, imported without its telemetry."""

from types import ModuleType

from ..offline import stay_offline
from ._extras import import_library


def import_onnxruntime(*, extra: str, node_type: str) -> ModuleType:
    """Import onnxruntime without its telemetry.

    Its wheels (1.32) report their use to Microsoft, with a thread and sockets of their own that no
    session owns. They read the variable ORT_DISABLE_TELEMETRY once, when the library is loaded. A
    value that the operator has set stays.

    Raises:
        ImportError: it cannot be imported; the message has the line that installs it.
    """
    stay_offline()
    return import_library("onnxruntime", extra=extra, node_type=node_type)
