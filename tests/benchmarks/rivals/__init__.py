"""What a user would take instead: three processes in a row, each handing on what it gets.

Each is a script of its own: `python -m ... BYTES ROUNDS` prints the microseconds of every round
trip, as JSON.
"""
