"""Errors between messages and their bytes."""

from ...errors import CallerError, LimitError, OperationalError


class DecodeError(CallerError, ValueError):
    """Bytes that are no message of the type; the text names the field and its place.

    Attributes:
        message_type: the name of the message's class; the innermost, where messages are nested.
        field_name: the wrong field; empty where the bytes name none that the message has.
        offset: the index of the field's first byte in the bytes that were given.
    """

    def __init__(self, message_type: str, field_name: str, offset: int, reason: str) -> None:
        where = f"{message_type}.{field_name}" if field_name else message_type
        super().__init__(f"{where}, at byte {offset}: {reason}")
        self.message_type = message_type
        self.field_name = field_name
        self.offset = offset


class MessageLimitError(DecodeError, LimitError):
    """Bytes of a message that holds more than allowed; see `limits`. The text names the limit."""


class EncodeError(OperationalError, ValueError):
    """A message that the contract cannot carry: the text names the field, and what it takes.

    Attributes:
        message_type: the name of the message's class; the innermost, where messages are nested.
        field_name: the wrong field; empty where it is the whole message.
    """

    def __init__(self, message_type: str, field_name: str, reason: str) -> None:
        where = f"{message_type}.{field_name}" if field_name else message_type
        super().__init__(f"{where}: {reason}")
        self.message_type = message_type
        self.field_name = field_name


class MalformedError(Exception):
    """Bytes that no protobuf message has; becomes a DecodeError where the field is known."""


class ExcessError(MalformedError):
    """More than a message may hold; becomes a MessageLimitError where the field is known.

    The text names the limit; none means that of all fields of the message.
    """


class UnfitError(Exception):
    """A value that its field cannot hold; becomes an EncodeError where the field is known."""
