"""What commands print, and where: messages on standard error, results on standard output."""

from .console import error_console, output_console, print_json, print_text, stdout_for_results
from .error_report import errors_reported, print_error
from .log_handler import logs_shown

__all__ = [
    "error_console",
    "errors_reported",
    "logs_shown",
    "output_console",
    "print_error",
    "print_json",
    "print_text",
    "stdout_for_results",
]
