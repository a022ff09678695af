"""Runs a node in another interpreter.

`python -P -m runtime.execution.process.exec_main DESCRIPTOR`, started by the forkserver.
"""

import os
import sys

from .child import run_node_process
from .preloaded import Preloaded

if __name__ == "__main__":
    # Last, so that node types of the current folder are found, and none replaces another module.
    sys.path.append(os.getcwd())
    os.set_inheritable(int(sys.argv[1]), False)
    os._exit(run_node_process(int(sys.argv[1]), Preloaded()))
