"""The command line, `millrace`."""

__all__ = ["main"]


def main() -> None:
    """Run the command that the arguments name."""
    from .standard_streams import fill_closed_streams

    fill_closed_streams()
    # Not before it is called: whoever imports this package need not wait for typer.
    from .app import app

    app()
