"""The servers of tests/service, which record here."""

from tests.service.conftest import serve, warm_client_library

__all__ = ["serve", "warm_client_library"]
