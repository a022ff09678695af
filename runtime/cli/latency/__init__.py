"""Where the latency of results goes, as text: waterfalls, and who owns its median and its tail."""

from .messages import summary_of
from .waterfall import print_summary, summary_lines

__all__ = ["print_summary", "summary_lines", "summary_of"]
