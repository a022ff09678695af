"""What goes wrong in data and actors, before any runtime is involved."""


class DataError(ValueError):
    """A data item cannot be built or read: a wrong dtype, shape, length or text."""
