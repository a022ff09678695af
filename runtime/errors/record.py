"""An error as a value, for another process or another machine."""

from typing import Final

import msgspec

from . import tree
from .text import MAX_ERROR_CHARACTERS, MAX_TRACE_CHARACTERS, encodable, shortened
from .tree import Fault, MillraceError

_CLASSES: Final[dict[str, type[MillraceError]]] = {
    name: each
    for name, each in vars(tree).items()
    if isinstance(each, type) and issubclass(each, MillraceError)
}


class ErrorRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error with everything that is known of it.

    A node process sends it to the server; the server sends it to clients, with the text, the node
    and the traceback in fields of their own.

    Attributes:
        error: the name of its class; of the nearest class of the tree for a class outside it.
        text: the whole text.
        node_id: the failing node; empty if no node failed.
        stack_trace: the node's traceback.

    The other fields are the details that single classes declare.
    """

    error: str = ""
    text: str = ""
    node_id: str = ""
    stack_trace: str = ""
    faults: tuple[Fault, ...] = ()
    message: str = ""
    hook: str = ""
    exception_type: str = ""
    detail: str = ""
    exit_status: int | None = None
    signal_name: str = ""
    limit_bytes: int = 0

    @classmethod
    def of(cls, error: MillraceError) -> "ErrorRecord":
        """Return the record of an error."""
        kind = next(each for each in type(error).__mro__ if _CLASSES.get(each.__name__) is each)
        details = {name: getattr(error, name) for name in kind.details}
        return cls(kind.__name__, str(error), error.node_id, error.stack_trace, **details)

    @property
    def error_class(self) -> type[MillraceError] | None:
        """The class of the error; None for a name that the tree does not have."""
        return _CLASSES.get(self.error)

    def to_error(self, otherwise: type[MillraceError]) -> MillraceError:
        """Return the error again. Its texts are cut as at their source: the sender is not trusted.

        Args:
            otherwise: the class for a name that the tree does not have.
        """
        kind = self.error_class or otherwise
        # Not by the constructor, which would compose a text that the record already has.
        error = kind.__new__(kind)
        error.args = (_bounded(self.text),)
        error.node_id = self.node_id
        error.stack_trace = encodable(shortened(self.stack_trace, MAX_TRACE_CHARACTERS))
        for name in kind.details:
            value = getattr(self, name)
            setattr(error, name, _bounded(value) if isinstance(value, str) else value)
        return error


def _bounded(text: str) -> str:
    return encodable(shortened(text, MAX_ERROR_CHARACTERS))
