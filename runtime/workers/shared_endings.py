"""The ended sessions of all workers, in each of them."""

from collections.abc import Callable

from ..session import EndedSession, NumberedEnding, RecentEndings, SessionFacts
from .messages import Began, Ended, Ending


class SharedEndings(RecentEndings):
    """Knows a session of this worker at once, and each one by its number over all workers.

    Args:
        put: sends a message to the supervisor, which numbers the endings.
    """

    def __init__(self, put: Callable[[Began | Ended], None]) -> None:
        super().__init__()
        self._put = put
        self._own = RecentEndings()

    def begin(self, session: SessionFacts) -> None:
        """Tell the supervisor of a session, which it ends if this worker cannot."""
        self._put(Began(EndedSession.opened(session)))

    def add(self, session: EndedSession) -> None:
        """Add a session of this worker that has ended."""
        self._own.add(session)
        self._put(Ended(session))

    def add_numbered(self, ending: Ending) -> None:
        """Add an ending that the supervisor has numbered."""
        self.last_number = ending.number - 1
        super().add(ending.session)

    def find(self, session_id: str) -> NumberedEnding | None:
        """Return the ending of a session of this worker; None if it is not known."""
        return self._own.find(session_id)
