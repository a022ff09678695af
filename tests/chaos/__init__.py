"""Chaos: `python -m tests.chaos --minutes N`.

Random sessions on a server of its own, while node processes are killed and stopped, clients are
slow or disconnect, and /dev/shm fills up. Each result is hashed: exactly once and in order, or its
session ended with an error of the right kind.
"""
