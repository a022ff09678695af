"""Addresses of media that are no files: network streams and capture devices."""

import re
import ssl
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from .errors import MediaError

_URL: Final = re.compile(r"(rtsps?|https?)://", re.IGNORECASE)
_CAMERA: Final = re.compile(r"/dev/video\d{1,3}")
_ALSA: Final = "alsa:"
# What FFmpeg may use for an address of each kind. A stream that names other addresses, such as the
# segments of HLS, is followed within these: never to a file.
_RTSP_PROTOCOLS: Final = "rtsp,rtsps,rtp,srtp,udp,tcp,tls"
_HTTP_PROTOCOLS: Final = "http,https,tcp,tls,crypto"


@dataclass(frozen=True, slots=True)
class LiveAddress:
    """A network stream or a device, as FFmpeg opens it.

    Attributes:
        target: the URL, or the name of the device.
        name: for messages: a URL without user, password and query, which may be secret.
        device_format: FFmpeg's input device; None for a URL.
        options: for FFmpeg.
    """

    target: str
    name: str
    device_format: str | None
    options: dict[str, str]

    @property
    def is_device(self) -> bool:
        """Whether it is a device of this machine."""
        return self.device_format is not None


def live_address(text: str, *, redirects: bool = True) -> LiveAddress | None:
    """Return an address; None if the text is the path of a file.

    Args:
        text: rtsp://, rtsps://, http:// or https:// and more, /dev/videoN, or alsa:NAME.
        redirects: whether an HTTP server may redirect to another address.

    Raises:
        MediaError: it is a URL without a host.

    >>> live_address("rtsp://viewer:secret@camera.local/live?token=1").name
    'rtsp://camera.local/live'
    """
    if _CAMERA.fullmatch(text):
        return LiveAddress(text, text, "video4linux2,v4l2", {})
    if text.startswith(_ALSA):
        return LiveAddress(text.removeprefix(_ALSA), text, "alsa", {})
    if not _URL.match(text):
        return None
    return LiveAddress(text, _public(text), None, _url_options(text, redirects))


def _url_options(url: str, redirects: bool) -> dict[str, str]:
    if url.lower().startswith("rtsp"):
        # TCP passes firewalls and loses nothing; a camera that has UDP only gets that.
        return {"protocol_whitelist": _RTSP_PROTOCOLS, "rtsp_flags": "prefer_tcp"}
    options = {"protocol_whitelist": _HTTP_PROTOCOLS, "tls_verify": "1"}
    authorities = ssl.get_default_verify_paths().cafile
    if authorities is not None:
        options["ca_file"] = authorities
    return options if redirects else {**options, "max_redirects": "0"}


def _public(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise MediaError(f"the URL cannot be read: {error}") from error
    if not host or any(not " " < character < "\x7f" for character in url):
        raise MediaError(
            "the URL has no host, or characters that a URL must escape; expected "
            "rtsp://HOST/PATH or https://HOST/PATH"
        )
    place = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{place}{'' if port is None else f':{port}'}{parts.path}"
