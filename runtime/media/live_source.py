"""A network stream or a device as a stream of data items."""

from collections.abc import Iterator

from actors import Data, Kind

from .av_library import load_av
from .file_kind import DATA_KINDS, FileKind
from .live_address import LiveAddress
from .media_stream import read_live


class LiveSource:
    """The audio or the video of an address, as `Source` describes it."""

    is_live = True
    fraction = None

    def __init__(self, address: LiveAddress, kind: FileKind, chunk_seconds: float) -> None:
        self.name = address.name
        self.kind = kind
        self._is_interrupted = False
        self._items = read_live(
            address,
            self.gives,
            chunk_seconds=chunk_seconds,
            is_interrupted=lambda: self._is_interrupted,
        )

    @property
    def gives(self) -> Kind:
        """The kind of its items."""
        return DATA_KINDS[self.kind]

    def check(self) -> None:
        """Check that PyAV is installed; the address is opened when the pipeline is ready.

        Raises:
            MissingExtraError: it is not.
        """
        load_av(self.name)

    def __iter__(self) -> Iterator[Data]:
        """Yield the items; once."""
        yield from self._items

    def interrupt(self) -> None:
        """End the reading with the next packet, from any thread."""
        self._is_interrupted = True

    def close(self) -> None:
        """Close the stream."""
        self._items.close()
