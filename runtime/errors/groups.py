"""The one error of an exception group."""


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


def _is_cancellation(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(_is_cancellation(each) for each in error.exceptions)
    # By name, because this package is below every other and must not import trio.
    return type(error).__name__ == "Cancelled"
