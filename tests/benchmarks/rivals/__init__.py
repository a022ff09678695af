"""Alternatives that a user would choose: three processes in a row that forward a payload.

Each is a script of its own: `python -m ... BYTES ROUNDS` prints the microseconds of every round
trip, as JSON.
"""
