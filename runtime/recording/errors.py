"""Errors of recordings."""

from ..errors import CallerError


class RecordingError(CallerError):
    """A recording cannot be read, written or replayed."""
