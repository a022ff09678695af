"""How large a document may be. All of these are far beyond what an honest one needs."""

from typing import Final

# A pipeline of 256 nodes with generous parameters takes some 100 kB.
MOST_BYTES: Final = 1024 * 1024
# Readers and checkers below recurse once or twice per level; Python stops at 1000 calls.
DEEPEST_NESTING: Final = 64
# YAML's aliases can make a short text mean a huge value ("billion laughs"); this is counted with
# every alias written out.
MOST_VALUES: Final = 100_000
# int() refuses more than 4300 digits, a float holds no more than 309; no quantity needs 400.
LONGEST_NUMBER: Final = 400
