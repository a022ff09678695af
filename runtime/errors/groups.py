"""The one error of an exception group."""

from types import TracebackType


def sole_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the error that nurseries wrapped: the first, since the others are its consequences.

    Return a group that holds only cancellations unchanged.
    """
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        real = [each for each in error.exceptions if not _is_cancellation(each)]
        if not real:
            return error
        error = real[0]
    return error


class UnwrappedErrors:
    """A block that raises the sole error of an exception group instead of the group.

    The error keeps no reference to the group. `raise sole_error(group) from None` would make each
    refer to the other, so that only the cyclic collector frees what their frames refer to: items,
    and with them shared memory and descriptors.
    """

    def __enter__(self) -> None:
        """Enter the block."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Raise the sole error if the block raised a group."""
        if isinstance(error, BaseExceptionGroup):
            sole = sole_error(error)
            del error, trace
            try:
                raise sole from None
            finally:
                sole.__context__ = None
                del sole


def _is_cancellation(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(_is_cancellation(each) for each in error.exceptions)
    # By name, because this package is below every other and must not import trio.
    return type(error).__name__ == "Cancelled"
