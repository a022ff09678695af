"""`python -m runtime` is `millrace`."""

from .cli import main

main()
