"""Orientation metadata of pictures: how to turn and flip them for display."""

import struct
from typing import Any, Final, NamedTuple

import numpy as np

from actors import Array


class Orientation(NamedTuple):
    """How stored pixels become the picture: transposed first, then flipped."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    def apply(self, image: Array) -> Array:
        """Return the picture of stored pixels of shape (height, width, channels)."""
        if self == UPRIGHT:
            return image
        if self.transpose:
            image = image.transpose(1, 0, 2)
        if self.flip_x:
            image = image[:, ::-1]
        if self.flip_y:
            image = image[::-1]
        return np.ascontiguousarray(image)


UPRIGHT: Final = Orientation()

# By PyAV's `frame.rotation`: degrees counter-clockwise.
_ROTATIONS: Final = {
    90: Orientation(transpose=True, flip_y=True),
    180: Orientation(flip_x=True, flip_y=True),
    270: Orientation(transpose=True, flip_x=True),
}

# The values of the EXIF tag Orientation.
_EXIF: Final = {
    2: Orientation(flip_x=True),
    3: Orientation(flip_x=True, flip_y=True),
    4: Orientation(flip_y=True),
    5: Orientation(transpose=True),
    6: Orientation(transpose=True, flip_x=True),
    7: Orientation(transpose=True, flip_x=True, flip_y=True),
    8: Orientation(transpose=True, flip_y=True),
}
_EXIF_TAG: Final = 0x0112
_EXIF_MOST_ENTRIES: Final = 1000


def orientation_of_frame(frame: Any) -> Orientation:
    """Return the orientation of a decoded frame, by its display matrix.

    An angle that is no multiple of 90 degrees is ignored, as players do.
    """
    try:
        matrix = _display_matrix(frame)
    except ValueError:
        # PyAV 18 cannot list side data of kinds that it does not know.
        return _ROTATIONS.get(round(frame.rotation) % 360, UPRIGHT)
    if matrix is None:
        return UPRIGHT
    # A stored pixel at (x, y) is shown at (a x + c y, b x + d y).
    a, b, c, d = (int(np.sign(value)) for value in matrix)
    if a == d == 0 and b and c:
        return Orientation(transpose=True, flip_x=c < 0, flip_y=b < 0)
    if b == c == 0 and a and d:
        return Orientation(flip_x=a < 0, flip_y=d < 0)
    return UPRIGHT


def exif_orientation(data: bytes) -> Orientation:
    """Return the orientation that the EXIF metadata of an image file gives (JPEG, PNG, WebP)."""
    tiff = _tiff_of(data)
    if tiff is None or len(tiff) < 8 or tiff[:2] not in (b"II", b"MM"):
        return UPRIGHT
    order = "<" if tiff[:2] == b"II" else ">"
    try:
        (directory,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, directory)
        for entry in range(min(count, _EXIF_MOST_ENTRIES)):
            tag, kind, _, value = struct.unpack_from(
                order + "HHIH", tiff, directory + 2 + 12 * entry
            )
            if (tag, kind) == (_EXIF_TAG, 3):
                return _EXIF.get(value, UPRIGHT)
    except struct.error:  # it ends too early, which spoils no picture
        pass
    return UPRIGHT


def _display_matrix(frame: Any) -> tuple[int, int, int, int] | None:
    for data in frame.side_data.keys():  # noqa: SIM118 (iterating it yields its values' names)
        if data.type.name == "DISPLAYMATRIX":
            a, b, _, c, d = struct.unpack_from("<5i", bytes(data))
            return a, b, c, d
    return None


def _tiff_of(data: bytes) -> bytes | None:
    """Return the EXIF metadata in an image file, which has the form of a TIFF file."""
    if data.startswith(b"\xff\xd8"):
        return _jpeg_exif(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _chunk(data, b"eXIf", start=8, size_first=True)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        found = _chunk(data, b"EXIF", start=12, size_first=False)
        return None if found is None else found.removeprefix(b"Exif\0\0")
    return None


def _jpeg_exif(data: bytes) -> bytes | None:
    position = 2
    while data[position : position + 1] == b"\xff" and len(data) >= position + 4:
        marker, size = struct.unpack_from(">BH", data, position + 1)
        if marker == 0xDA:  # the picture itself begins
            return None
        body = data[position + 4 : position + 2 + size]
        if marker == 0xE1 and body.startswith(b"Exif\0\0"):
            return body[6:]
        position += 2 + max(size, 2)
    return None


def _chunk(data: bytes, name: bytes, *, start: int, size_first: bool) -> bytes | None:
    """Return the first chunk of that name in a PNG (size first) or RIFF file."""
    position = start
    while len(data) >= position + 8:
        if size_first:
            size, found = struct.unpack_from(">I4s", data, position)
        else:
            found, size = struct.unpack_from("<4sI", data, position)
        if found == name:
            return data[position + 8 : position + 8 + size]
        # PNG has a checksum behind each chunk, RIFF pads chunks to an even size.
        position += 8 + size + (4 if size_first else size % 2)
    return None
