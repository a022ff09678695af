"""Errors of data items and of actor classes; they need no runtime."""


class DataError(ValueError):
    """A data item cannot be built or read: a wrong dtype, shape, length or text."""


class DefinitionError(TypeError):
    """An actor class, or the class of its params, is declared wrongly.

    The message names the class and the attribute.
    """
