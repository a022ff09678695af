"""References to files."""

from dataclasses import dataclass
from typing import ClassVar

from ..kinds import Kind
from ._base import Data, check_range, check_text


@dataclass(frozen=True, slots=True, eq=False)
class File(Data):
    """A reference to a file, or to a part of one, without its bytes.

    Attributes:
        path: where the reader finds the file.
        filename: the name to show.
        size: of the whole file, in bytes; 0 if not given.
        offset, length: the part of the file, in bytes; length 0 means to the end.
        stream_id: several references with the same id belong together.
    """

    kind: ClassVar[Kind] = Kind.FILE

    path: str
    filename: str = ""
    mime_type: str = ""
    size: int = 0
    offset: int = 0
    length: int = 0
    stream_id: str = ""

    def __post_init__(self) -> None:
        """Check.

        Raises:
            DataError: a name that is not text, or a size that is not an unsigned 64-bit number.
        """
        super(File, self).__post_init__()
        for name in ("path", "filename", "mime_type", "stream_id"):
            check_text(name, getattr(self, name))
        for name in ("size", "offset", "length"):
            check_range(f"{name} (bytes)", getattr(self, name), 0, 2**64 - 1)
