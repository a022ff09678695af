"""The commands: their options, and imports of what each needs when it runs.

Only the command that runs loads its libraries, so that `millrace --help` and shell completion are
quick.
"""

from .config_command import config
from .demo_command import demo
from .doctor_command import doctor
from .explain_command import explain
from .health_command import health
from .inspect_command import inspect
from .new_command import new
from .node_commands import bypass, disable, enable, send
from .nodes_command import nodes
from .profile_command import profile
from .record_command import record
from .replay_command import replay
from .run_command import run
from .serve_command import serve
from .sessions_command import kill, sessions
from .tap_command import tap
from .top_command import top
from .validate_command import validate

__all__ = [
    "bypass",
    "disable",
    "enable",
    "kill",
    "record",
    "send",
    "sessions",
    "tap",
    "top",
    "config",
    "demo",
    "doctor",
    "explain",
    "health",
    "inspect",
    "new",
    "nodes",
    "profile",
    "replay",
    "run",
    "serve",
    "validate",
]
