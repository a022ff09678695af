"""The settings of media that pipelines read and write by themselves."""

from typing import Annotated, Final

from pydantic import Field

from ..documents import ACCEPTED
from .section import Section, Text
from .setting import setting

_MOST_BYTES: Final = 2**50

MediaUrl = Annotated[
    str,
    # Without user and password: a secret does not belong into runtime.toml, which is shown.
    Field(
        pattern=r"^(rtsps?|https?)://([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\])(:\d{1,5})?(/[^\s?#]*)?$",
        json_schema_extra={ACCEPTED: 'a URL such as "rtsp://camera.local/" without user and query'},
    ),
]


class Media(Section):
    """What MediaSourceNode and MediaSinkNode of a client may read and write (extra `media`).

    Files that a client may read are those in `files.roots`.
    """

    urls: tuple[MediaUrl, ...] = setting(
        (),
        "URLs that a client may name, with all that is below them; []: none",
        detail="Each one is trusted: the server connects to it, and to those that its playlists "
        "name.",
    )
    devices: tuple[Text, ...] = setting(
        (), 'devices that a client may name, such as "/dev/video0" or "alsa:hw:0"; []: none'
    )
    output_folders: tuple[Annotated[str, Field(pattern="^/")], ...] = setting(
        (),
        "folders, as absolute paths, in which a client may create files; []: none",
        detail="Symbolic links and `..` are resolved first.",
    )
    max_output_bytes: int = setting(
        10 * 1024**3, "bytes of one file that a client creates", ge=1, le=_MOST_BYTES
    )
