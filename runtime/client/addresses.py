"""The addresses that a client is given."""

from collections.abc import Sequence

from ..config import ServerAddress
from ..errors import CallerError, ConfigError


def parsed_addresses(given: str | Sequence[str]) -> list[ServerAddress]:
    """Return the addresses, each once, in their order.

    Args:
        given: an address, several with commas between them, or a sequence of addresses.

    Raises:
        CallerError: there is none, or one is not of the form "host:port".
    """
    texts = [each.strip() for each in given.split(",")] if isinstance(given, str) else list(given)
    if not texts:
        raise CallerError('no address: give "host:port", or a sequence of such')
    try:
        found = [ServerAddress.parse(each) for each in texts]
    except ConfigError as error:  # here the address is the caller's, not the operator's
        raise CallerError(f"the address: {error}") from error
    return list(dict.fromkeys(found))
