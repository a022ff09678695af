"""What goes wrong in data and actors, before any runtime is involved."""


class DataError(ValueError):
    """A data item cannot be built or read: a wrong dtype, shape, length or text."""


class OutputError(TypeError):
    """An actor returned something that is not data, or of a kind that it does not declare."""
