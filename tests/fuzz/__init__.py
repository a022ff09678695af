"""Fuzzing: `python -m tests.fuzz NAME --seconds N`.

Each target is one module: it feeds random, mostly damaged input to one border of the runtime, and
fails when anything but the documented outcome occurs. A short seeded run of each target is a normal
test.
"""
