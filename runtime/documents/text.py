"""Decoding of a document, and its characters in messages."""

from ..errors import ConfigError, Fault, ManifestError


def decoded(raw: bytes, name: str, error: type[ManifestError | ConfigError]) -> str:
    """Return the text of a file; a byte order mark is dropped.

    Raises:
        ManifestError: or the given class: the bytes are not UTF-8.
    """
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = raw.count(b"\n", 0, fault.start) + 1
        message = f"byte 0x{raw[fault.start]:02x} is not UTF-8; save the file as UTF-8"
        raise error([Fault(f"{name}:{line}", message)]) from fault


def is_unicode(text: str) -> bool:
    """Return whether UTF-8 can encode `text`: not with half of a surrogate pair."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def shown_character(character: str) -> str:
    """Return a character for a message."""
    if not character:
        return "the end of the text"
    return f'"{character}"' if character.isprintable() else f"U+{ord(character):04X}"
