"""Bounds on the size of a document, far beyond the needs of a real one."""

from typing import Final

# A pipeline of 256 nodes with generous parameters takes some 100 kB.
MOST_BYTES: Final = 1024 * 1024
# The readers and checkers recurse once or twice per level, and Python stops at 1000 calls.
DEEPEST_NESTING: Final = 64
# Aliases of YAML let a short text stand for a huge value ("billion laughs"), so each alias counts
# as many values as its anchor has.
MOST_VALUES: Final = 100_000
# int() refuses more than 4300 digits, and a float has at most 309 before the point.
LONGEST_NUMBER: Final = 400
