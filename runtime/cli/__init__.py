"""The command line, `millrace`."""

__all__ = ["main"]


def main() -> None:
    """Run the command that the arguments name, and exit with its status."""
    from .leftover_threads import exit_despite_threads
    from .standard_streams import discard_unwritten, prepare_streams

    prepare_streams()
    try:
        # Imported here: importing this package does not load typer.
        from .app import run_app

        exit_despite_threads(run_app())
    finally:
        discard_unwritten()
