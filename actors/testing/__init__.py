"""What an author tests a node with: run it in either executor, and try it against the contract.

>>> from actors import Json
>>> from actors.nodes.multiply import MultiplyNode
>>> with harness(MultiplyNode, params={"factor": 3}) as node:
...     [doubled] = node.feed(Json(2))
>>> doubled.value
6.0
"""

from .check import ContractError, check_actor, find_violations
from .contract import AsyncRun, ExecutorName, Harness, Kit, Received, Run, Violation
from .harness import NodeSetup, harness, pipeline_harness

__all__ = [
    "AsyncRun",
    "ContractError",
    "Violation",
    "Harness",
    "Kit",
    "NodeSetup",
    "ExecutorName",
    "Received",
    "Run",
    "check_actor",
    "find_violations",
    "harness",
    "pipeline_harness",
]
