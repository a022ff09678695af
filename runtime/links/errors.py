"""What a link's end finds out about its other end."""


class PeerError(Exception):
    """The other end of a link is gone, or broken.

    Attributes:
        peer: the id of the node at the other end; empty for the session's own end.
        reason: what it did, as the end of a sentence that begins with the node.
    """

    def __init__(self, peer: str, reason: str) -> None:
        super().__init__(f"the link's other end, {peer!r}, {reason}")
        self.peer = peer
        self.reason = reason


class PeerGoneError(PeerError):
    """The other end of a link vanished without ending its stream, or before all of it arrived.

    The end that finds this is not at fault, and the supervisor of the other end knows the cause:
    wait for its error before reporting this one.
    """

    def __init__(
        self, peer: str, reason: str = "closed its links without ending its stream"
    ) -> None:
        super().__init__(peer, reason)


class PeerFaultError(PeerError):
    """The other end of a link wrote what no intact node process writes.

    Nobody else will find out: report it at once, in the name of the other end.
    """
