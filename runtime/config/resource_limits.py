"""What one session may use, as its client asks."""

from dataclasses import dataclass, fields

from ..errors import CallerError

_MOST = 2**64 - 1


@dataclass(frozen=True, slots=True)
class ResourceLimits:
    """Bounds of one session; 0 means none. The names are the contract's.

    Attributes:
        max_memory_bytes: what each node's process may allocate, beside what the runtime in it
            takes. Shared memory has its own budget, and native nodes have no process to bound.
        max_timeout_ms: wall clock of the whole session, from its start.
        max_audio_samples: audio samples sent in, all channels together.

    Raises:
        CallerError: a number is negative, or no 64-bit number.

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
        """Return the stricter of both, limit by limit."""
        return ResourceLimits(
            _stricter(self.max_memory_bytes, most.max_memory_bytes),
            _stricter(self.max_timeout_ms, most.max_timeout_ms),
            _stricter(self.max_audio_samples, most.max_audio_samples),
        )


def _stricter(one: int, other: int) -> int:
    return min(one or other, other or one)
