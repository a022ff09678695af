"""Nothing here starts a process or opens a socket, so no test pays for the proof of it."""

import pytest
from hypothesis import settings

# A test says what comes out, not how long a busy machine may take for it.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")


@pytest.fixture(autouse=True)
def nothing_left_behind() -> None:
    """Take the place of the fixture of all other tests."""
