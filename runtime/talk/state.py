"""What the pages and the conversations share."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import trio

from ..config import Http
from ..session import Runtime
from .pipelines import TalkPipeline


class TalkState:
    """The pipelines, and the conversations that run.

    Attributes:
        runtime: runs the sessions.
        pipelines: by name.
        settings: of the HTTP port.
        draining: whether new conversations are refused.
        stopping: set when the running ones must end.
    """

    def __init__(
        self, runtime: Runtime, pipelines: Mapping[str, TalkPipeline], settings: Http
    ) -> None:
        self.runtime = runtime
        self.pipelines = pipelines
        self.settings = settings
        self.draining = False
        self.stopping = trio.Event()
        self._active = 0
        self._idle = trio.Event()
        self._idle.set()

    @property
    def active(self) -> int:
        """How many conversations run."""
        return self._active

    @property
    def is_full(self) -> bool:
        """Whether there is no room for one more: as many may wait as there may be sessions."""
        return self._active > 2 * self.runtime.config.limits.max_sessions

    async def wait_idle(self) -> None:
        """Wait until none runs."""
        await self._idle.wait()

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count a conversation as running during the block."""
        self._active += 1
        if self._active == 1:
            self._idle = trio.Event()
        try:
            yield
        finally:
            self._active -= 1
            if not self._active:
                self._idle.set()
