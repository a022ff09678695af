"""What the forms of a run have in common: they show what the run on trio has recorded."""

from collections.abc import Mapping, Sequence

from actors import Progress
from actors.testing import Received

from .trio_run import TrioRun


class RecordedRun:
    """A run whose pipeline runs in another trio loop.

    Attributes:
        inner: the run in that loop.
    """

    def __init__(self, inner: TrioRun) -> None:
        self.inner = inner

    @property
    def outputs(self) -> Sequence[Received]:
        """Everything that the sinks emitted, in order of arrival."""
        return tuple(self.inner.outputs)

    @property
    def progress(self) -> Mapping[str, Sequence[Progress]]:
        """The progress reports of each node's initialization, by node id."""
        return self.inner.progress

    @property
    def copies(self) -> int:
        """The number of arrays that were copied between processes."""
        return self.inner.copies
