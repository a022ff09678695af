"""The command line, `millrace`."""

__all__ = ["main"]


def main() -> None:
    """Run the command that the arguments name, and exit with its status."""
    import sys

    from .standard_streams import discard_unwritten, prepare_streams

    prepare_streams()
    try:
        # Imported here: importing this package does not load typer.
        from .app import run_app

        sys.exit(run_app())
    finally:
        discard_unwritten()
