"""Alternatives that a user would choose.

Three processes in a row that forward a payload: each is a script of its own, and `python -m ...
BYTES ROUNDS` prints the microseconds of every round trip, as JSON. And servers with grpcio that
echo a stream, which print their port.
"""
