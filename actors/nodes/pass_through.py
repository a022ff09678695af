"""PassThrough."""

from ..actor import Actor
from ..data import Data
from ..params import NoParams


class PassThrough(Actor[NoParams]):
    """Return every item unchanged: the same buffer, bit for bit."""

    stateless = True

    def process(self, item: Data) -> Data:
        """Return the item itself."""
        return item
