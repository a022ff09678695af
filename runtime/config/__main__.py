"""Print runtime.toml with every setting at its default: python -m runtime.config."""

import sys

from .toml_file import runtime_toml

if __name__ == "__main__":
    sys.stdout.write(runtime_toml())
