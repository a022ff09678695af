"""The error that ends a session: the first one, since the others are its consequences."""

from ..errors import ErrorRecord, ExecutorError, InternalError, MillraceError, sole_error
from ..executors import NodeTask


class FirstError:
    """Keeps the first error of a session until the session raises it.

    The raised error refers to the session by the frames of its traceback. To keep it would be a
    reference cycle, and only the cyclic collector would free what the session has: shared memory
    and descriptors.

    Attributes:
        copy: the error without its traceback, for as long as the session is known.
    """

    def __init__(self) -> None:
        self.copy: MillraceError | None = None
        self._raised: list[MillraceError] = []

    def keep(self, error: MillraceError) -> bool:
        """Keep an error; return whether it is the first."""
        if self.copy is not None:
            return False
        self.copy = ErrorRecord.of(error).to_error(InternalError)
        self._raised.append(error)
        return True

    def raise_it(self) -> None:
        """Raise the error, if there is one."""
        if self._raised:
            raise self._raised.pop()


def error_of_node(task: NodeTask, error: BaseException) -> MillraceError | None:
    """Return the error that an executor raised for a node; None for cancellations, or Ctrl-C.

    An executor is its author's code: whatever is no error of ours becomes an ExecutorError.
    """
    real = sole_error(error) if isinstance(error, BaseExceptionGroup) else error
    if isinstance(real, BaseExceptionGroup | KeyboardInterrupt):
        return None
    if isinstance(real, MillraceError):
        return real
    return ExecutorError.of(task.node_id, task.plan.executor, real)
