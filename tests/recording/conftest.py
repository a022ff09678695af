"""The servers of tests/service, which record here."""

from tests.service.conftest import client_library_at_rest, serve, warm_client_library

__all__ = ["client_library_at_rest", "serve", "warm_client_library"]
