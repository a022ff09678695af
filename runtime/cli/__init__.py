"""The command line, `millrace`."""


def main() -> None:
    """Run the command that the arguments name."""
    # Not before it is called: whoever imports this package need not wait for typer.
    from .app import app

    app()
