"""Runs a notebook: `python -m tests.docs.run_notebook IN OUT`."""

import sys
from pathlib import Path

import nbclient
import nbformat

_CELL_SECONDS = 120


def main(source: Path, target: Path) -> None:
    """Run all cells in the notebook's folder, and write them with their outputs."""
    notebook = nbformat.read(source, as_version=4)
    nbformat.validate(notebook)
    folder = {"metadata": {"path": str(source.parent)}}
    nbclient.NotebookClient(notebook, timeout=_CELL_SECONDS, resources=folder).execute()
    nbformat.write(notebook, target)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
