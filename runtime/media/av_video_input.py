"""Images and films in the formats that PyAV reads."""

import io
from collections.abc import Iterator
from typing import Any, Final

from actors import PixelFormat, Video

from .av_library import av_errors, load_av
from .av_packets import decoded_frames, open_container, start_of
from .errors import MediaError
from .orientation import UPRIGHT, exif_orientation, orientation_of_frame

# Two neighbouring frames further apart than this come from two recordings that were joined.
_LONGEST_GAP_SECONDS: Final = 600.0
_MOST_IMAGE_BYTES: Final = 1024 * 1024 * 1024


def read_image(file: io.BufferedReader, name: str, number: int = 0) -> Iterator[Video]:
    """Yield an image as an RGB24 video frame, upright by its EXIF metadata.

    Raises:
        MediaError: it is no image that can be decoded.
        MissingExtraError: PyAV is not installed.
    """
    av = load_av(name)
    # Read as a whole: WebP has its metadata behind the picture.
    data = file.read(_MOST_IMAGE_BYTES + 1)
    if not data:
        raise MediaError(f"{name}: is empty; expected an image")
    if len(data) > _MOST_IMAGE_BYTES:
        raise MediaError(f"{name}: is larger than {_MOST_IMAGE_BYTES} bytes, which no image is")
    upright = exif_orientation(data)
    with open_container(av, io.BytesIO(data), name) as container:
        for frame in decoded_frames(av, container, [video_stream(container, name)], name):
            # FFmpeg makes a display matrix of the EXIF metadata of some formats only.
            turn = upright if upright != UPRIGHT else orientation_of_frame(frame)
            with av_errors(av, name, "decoded"):
                image = turn.apply(frame.to_ndarray(format="rgb24"))
            yield Video(image, image.shape[1], image.shape[0], PixelFormat.RGB24, number)
            return


def read_film(file: io.BufferedReader, name: str) -> Iterator[Video]:
    """Yield the frames of the first video stream, RGB24, upright, with their times from 0.

    Times count from the start of the film, also where its own clock begins far from 0.

    Raises:
        MediaError: the file has no pictures, or none of them can be decoded.
        MissingExtraError: PyAV is not installed.
    """
    av = load_av(name)
    with open_container(av, file, name) as container:
        frames = VideoFrames(av, name, container)
        for frame in decoded_frames(av, container, [video_stream(container, name)], name):
            yield frames.next(frame)


class VideoFrames:
    """Makes items of decoded video frames, one after the other."""

    def __init__(self, av: Any, name: str, container: Any) -> None:
        self._av = av
        self._name = name
        self._container = container
        self._clock: _FilmClock | None = None
        self._number = 0

    def next(self, frame: Any) -> Video:
        """Return the next frame as RGB24, upright, with its time from the start of the film."""
        with av_errors(self._av, self._name, "decoded"):
            image = orientation_of_frame(frame).apply(frame.to_ndarray(format="rgb24"))
        if self._clock is None:
            self._clock = _FilmClock(start_of(self._container, float(frame.time or 0.0)))
        microseconds = self._clock.microseconds(frame.time)
        height, width = image.shape[:2]
        number, self._number = self._number, self._number + 1
        return Video(image, width, height, PixelFormat.RGB24, number, microseconds)


class _FilmClock:
    """Turns the times of a film's own clock into times from its start that never go back."""

    def __init__(self, start_seconds: float) -> None:
        self._start = start_seconds
        self._last = start_seconds

    def microseconds(self, seconds: float | None) -> int:
        """Return the time of the next frame; one without a time has that of the frame before."""
        seconds = self._last if seconds is None else float(seconds)
        if not self._last <= seconds <= self._last + _LONGEST_GAP_SECONDS:
            # The clock was set anew within the film: time goes on from the frame before.
            self._start += seconds - self._last
        self._last = seconds
        return round((seconds - self._start) * 1_000_000)


def video_stream(container: Any, name: str) -> Any:
    """Return the first video stream.

    Raises:
        MediaError: there is none.
    """
    if not container.streams.video:
        hint = "; --input-kind audio reads its sound" if container.streams.audio else ""
        raise MediaError(f"{name}: has no pictures{hint}")
    return container.streams.video[0]
