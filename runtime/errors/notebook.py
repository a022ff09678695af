"""How an error of a node is shown in a notebook."""

from .text import described, printable_lines


class ShownWithNode(Exception):  # noqa: N818 (a part of errors)
    """Shows the node's own traceback, in place of the session's."""

    stack_trace: str

    def _render_traceback_(self) -> list[str]:
        """Return the lines that IPython shows."""
        return printable_lines(f"{self.stack_trace}\n{described(self)}").strip().splitlines()
