"""What a page offers: one audio stream in Opus, in both directions, and nothing else."""

from typing import Final

from aiortc import RTCSessionDescription
from aiortc.sdp import SessionDescription

from ...errors import InputError

# An offer of Chromium with one audio stream has 2 to 6 KB.
_MOST_CHARACTERS: Final = 32 * 1024
# The server sends to no address that a page names: it answers those that prove with the answer's
# password that they have read it. So no page can have it send packets to somebody else, or resolve
# names. Without the mark of the end, the ICE agent waits for such an address.
_ADDRESSES: Final = ("a=candidate:", "a=end-of-candidates", "a=remote-candidates:")


def read_offer(text: str) -> RTCSessionDescription:
    """Return an offer without the addresses that it names.

    Raises:
        InputError: it is not valid, or offers anything else than audio in both directions.
    """
    if len(text) > _MOST_CHARACTERS:
        raise InputError(f"an offer has at most {_MOST_CHARACTERS} characters; got {len(text)}")
    lines = [line for line in text.splitlines() if not line.startswith(_ADDRESSES)]
    offer = "\r\n".join([*lines, ""])
    try:
        media = SessionDescription.parse(offer).media
        found = [(each.kind, each.direction) for each in media]
        is_secure = all(each.dtls is not None and each.dtls.fingerprints for each in media)
    except Exception as error:
        raise InputError(f"the offer is no session description: {error!r}") from error
    if found != [("audio", "sendrecv")]:
        parts = ", ".join(" ".join(map(str, each)) for each in found) or "nothing"
        raise InputError(f"an offer has one stream, audio sendrecv, and no data; got {parts}")
    if not is_secure:
        raise InputError("the offer has no DTLS fingerprint")
    return RTCSessionDescription(offer, "offer")
