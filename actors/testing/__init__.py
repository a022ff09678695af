"""What an author tests a node with: run it in either placement, and try it against the contract.

>>> from actors import Json
>>> from actors.nodes.multiply import MultiplyNode
>>> with harness(MultiplyNode, params={"factor": 3}) as node:
...     [doubled] = node.feed(Json(2))
>>> doubled.value
6.0
"""

from .check import ContractError, check_actor, find_faults
from .contract import AsyncRun, Finding, Harness, Kit, Placement, Received, Run
from .harness import NodeSetup, harness, pipeline_harness

__all__ = [
    "AsyncRun",
    "ContractError",
    "Finding",
    "Harness",
    "Kit",
    "NodeSetup",
    "Placement",
    "Received",
    "Run",
    "check_actor",
    "find_faults",
    "harness",
    "pipeline_harness",
]
