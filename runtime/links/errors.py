"""What a link's end finds out about its other end."""


class PeerGoneError(Exception):
    """The other end of a link vanished without ending its stream.

    Whoever sees this is not at fault, and whoever watches the other end knows more: wait for that
    verdict before saying anything.
    """

    def __init__(self, peer: str) -> None:
        super().__init__(f"the link's other end, {peer!r}, is gone")
        self.peer = peer
