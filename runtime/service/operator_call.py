"""A call of an operator or of a client that attaches, wherever it has come in."""

import betterproto2
from typing_extensions import Protocol, TypeVar

Request = TypeVar("Request", bound=betterproto2.Message, covariant=True)
Response = TypeVar("Response", bound=betterproto2.Message, contravariant=True)


class OperatorCall(Protocol[Request, Response]):
    """What the handlers of such calls use: a `ServerCall`, or one that another worker passes on.

    Attributes:
        peer: the client's address, for the log.
        authorization: the header of that name, which may hold a token; None if there is none.
    """

    peer: str
    authorization: str | None

    async def receive(self) -> Request | None:
        """Return the next message, or None when the client has ended its side."""

    async def send(self, *messages: Response) -> None:
        """Send messages together."""
