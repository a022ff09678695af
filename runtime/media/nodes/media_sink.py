"""MediaSinkNode."""

import os
import secrets
from pathlib import Path
from typing import Annotated, Final

from actors import Actor, Audio, DataError, Field, File, Kind, Params, Video

from ..byte_output import INCOMPLETE, ByteOutput
from ..errors import MediaError
from ..sink import MEDIA_SUFFIXES, Sink, open_sink

_MEDIA: Final = frozenset({Kind.VIDEO, Kind.AUDIO})

MediaOutput = Annotated[
    str,
    Field(min_length=1, max_length=4096, json_schema_extra={"format": "media-output"}),
]
MediaOutputBytes = Annotated[int, Field(json_schema_extra={"format": "media-output-bytes"})]


class MediaSinkParams(Params):
    """The file that MediaSinkNode writes."""

    path: MediaOutput = Field(
        description="of the file, its format by suffix: .mp4 .mov .mkv .webm .ts for video and "
        "audio, .wav .flac .mp3 .ogg .opus .m4a .aac for audio; a client's only where the operator "
        "allows it (media.output_folders)"
    )
    overwrite: bool = Field(False, description="replace a file of that name")
    max_bytes: MediaOutputBytes = Field(
        1024**3, ge=1, le=2**50, description="bytes of the file; more fail the session"
    )


class MediaSinkNode(Actor[MediaSinkParams]):
    """Write video, audio or both into a media file, through PyAV.

    In: raw video frames of one size, in RGB24, RGBA32, GRAY8, YUV420P, I420 or NV12, and audio of
    any rate; each from one node. A frame is shown at its timestamp_us, so the frame rate and the
    duration are those of its source; the timestamps of the chunks of audio keep it in sync. Width
    and height are even: put a VideoScaler before this node if they are not. Out: one file
    reference, with path and size, when the file is complete.

    The file is written under a name that ends in .incomplete, and gets its own name when the stream
    has ended. A session that ends otherwise leaves the incomplete file, which may still be played
    up to there.

    .mp4, .mov, .mkv and .ts have H.264, .webm has VP9; the audio is AAC, or Opus in .mkv and .webm.
    """

    accepts = _MEDIA
    produces = frozenset({Kind.FILE})
    runs_in_thread = True

    _sink: Sink | None = None

    def initialize(self) -> None:
        """Create the file under its incomplete name.

        Raises:
            MediaError: the suffix is not one of media, the file exists, or it cannot be created.
            MissingExtraError: PyAV is not installed.
        """
        path = self.params.path
        if Path(path).suffix.lower() not in MEDIA_SUFFIXES:
            raise MediaError(
                f"{path}: is no media file by its suffix; use one of {', '.join(MEDIA_SUFFIXES)}"
            )
        self._check_free()
        self._incomplete = f"{path}.{secrets.token_hex(4)}{INCOMPLETE}"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._file = ByteOutput(os.open(self._incomplete, flags, 0o666), path)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise MediaError(f"{path}: cannot be created: {reason}") from error
        try:
            self._sink = open_sink(path, file=self._file)
        except BaseException:
            self._file.close()
            os.unlink(self._incomplete)
            raise

    def process(self, item: Video | Audio) -> None:
        """Write an item.

        Raises:
            DataError: it does not fit to what was written before, or cannot be encoded; or the file
                is longer than max_bytes, or complete.
        """
        if self._sink is None:
            raise DataError(f"{self.params.path} is complete, since the stream has ended")
        if item.kind not in self._sink.accepts:
            raise DataError(
                f"{self.params.path} takes audio only, and {self.context.source or 'a client'} "
                f"gives {item.kind.value}; write it into an .mp4, .mkv or .webm file"
            )
        try:
            self._sink.write(
                item,
                node_id=self.context.source,
                sequence=self.context.sequence,
                timestamp_ms=self.context.timestamp_ms,
            )
        except MediaError as error:
            raise DataError(str(error)) from error
        if self._file.size_bytes > self.params.max_bytes:
            raise DataError(
                f"{self.params.path} has more than max_bytes = {self.params.max_bytes} bytes"
            )

    def flush(self) -> File | None:
        """Complete the file, and give it its name.

        Raises:
            MediaError: it cannot be completed.
        """
        sink, self._sink = self._sink, None
        if sink is None:
            return None
        sink.close()
        path = self.params.path
        try:
            if self.params.overwrite:
                os.replace(self._incomplete, path)
            else:
                os.link(self._incomplete, path)  # unlike a rename, it replaces no file
                os.unlink(self._incomplete)
        except FileExistsError as error:
            raise MediaError(
                f"{path}: exists by now; what was written is in {self._incomplete}"
            ) from error
        except OSError as error:
            raise MediaError(f"{path}: cannot be named so: {error.strerror}") from error
        return File(path, filename=Path(path).name, size=os.stat(path).st_size)

    def cleanup(self) -> None:
        """Complete what a session that ended early has written; its name stays incomplete."""
        sink, self._sink = self._sink, None
        if sink is None:
            return
        try:
            sink.close()
        except MediaError as error:
            self.context.log.warning("%s", error)
        self.context.log.warning(
            "the session ended before the file was complete",
            extra={"file": self._incomplete},
        )

    def _check_free(self) -> None:
        path = self.params.path
        if not self.params.overwrite and os.path.lexists(path):
            raise MediaError(f"{path}: exists; give another name, or set overwrite")
