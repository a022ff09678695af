"""Built-in node types that need a room of the runtime, and so are not among the actors."""

from typing import Final

from actors.catalogue import CatalogueEntry

RUNTIME_NODES: Final = tuple(
    CatalogueEntry(name, f"runtime.media.nodes:{name}", extra="media")
    for name in ("MediaSourceNode", "MediaSinkNode")
)
"""They read and write media with the code of `millrace run`."""
