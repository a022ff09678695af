"""Strict writing of messages: what the official runtime writes, byte for byte."""

from typing import Any

import betterproto2


class Encoder:
    """Makes bytes of messages."""

    def parts(
        self, message: betterproto2.Message, message_type: type[Any] | None
    ) -> tuple[list[Any], int]:
        """Return buffers that are the message when joined, and their length together."""
        if message_type is not None and not isinstance(message, message_type):
            raise TypeError(
                f"a {message_type.__name__} is to be sent, not a {type(message).__name__}"
            )
        data = bytes(message)
        return [data], len(data)
