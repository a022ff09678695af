"""What goes wrong between messages and their bytes."""

from ...errors import CallerError, OperationalError


class DecodeError(CallerError, ValueError):
    """Bytes that are no message of the type; the text says in which field, and where.

    Attributes:
        message_type: the name of the message's class; the innermost, where messages are nested.
        field_name: the field at fault; empty where the bytes name none that the message has.
        offset: the index of the field's first byte in what was given.
    """

    def __init__(self, message_type: str, field_name: str, offset: int, reason: str) -> None:
        where = f"{message_type}.{field_name}" if field_name else message_type
        super().__init__(f"{where}, at byte {offset}: {reason}")
        self.message_type = message_type
        self.field_name = field_name
        self.offset = offset


class EncodeError(OperationalError, ValueError):
    """A message that the contract cannot carry: the text names the field, and what it takes.

    Attributes:
        message_type: the name of the message's class; the innermost, where messages are nested.
        field_name: the field at fault; empty where it is the whole message.
    """

    def __init__(self, message_type: str, field_name: str, reason: str) -> None:
        where = f"{message_type}.{field_name}" if field_name else message_type
        super().__init__(f"{where}: {reason}")
        self.message_type = message_type
        self.field_name = field_name


class MalformedError(Exception):
    """Bytes that no protobuf message has; whoever knows the field makes a DecodeError of it."""


class UnfitError(Exception):
    """A value that its field cannot hold; whoever knows the field makes an EncodeError of it."""
