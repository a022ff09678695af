"""Limits of one session's use of resources."""

from dataclasses import dataclass, fields

from ..errors import CallerError

_MOST = 2**64 - 1


@dataclass(frozen=True, slots=True)
class ResourceLimits:
    """Limits of one session; 0 is no limit. The names are those of the contract.

    Attributes:
        max_memory_bytes: bytes that each node process may allocate, beside the memory of the
            runtime in it. Shared memory has its own budget, and native nodes have no process.
        max_timeout_ms: duration of the whole session from its start, in milliseconds.
        max_audio_samples: audio samples that the client may send, of all channels together.

    Raises:
        CallerError: a number is negative, or has more than 64 bits.

    >>> ResourceLimits(max_timeout_ms=500).within(ResourceLimits(2**30, 60_000))
    ResourceLimits(max_memory_bytes=1073741824, max_timeout_ms=500, max_audio_samples=0)
    """

    max_memory_bytes: int = 0
    max_timeout_ms: int = 0
    max_audio_samples: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 <= value <= _MOST:
                raise CallerError(
                    f"resource_limits.{field.name} must be from 0 (none) to 2**64 - 1, got {value}"
                )

    def within(self, most: "ResourceLimits") -> "ResourceLimits":
        """Return the stricter value of each limit."""
        return ResourceLimits(
            _stricter(self.max_memory_bytes, most.max_memory_bytes),
            _stricter(self.max_timeout_ms, most.max_timeout_ms),
            _stricter(self.max_audio_samples, most.max_audio_samples),
        )


def _stricter(one: int, other: int) -> int:
    return min(one or other, other or one)
