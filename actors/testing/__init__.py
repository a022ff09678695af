"""Tools to test a node: run it in either executor, and check it against the contract.

>>> from actors import Json
>>> from actors.nodes.multiply import MultiplyNode
>>> with harness(MultiplyNode, params={"factor": 3}) as node:
...     [doubled] = node.feed(Json(2))
>>> doubled.value
6.0
"""

from .check import ContractError, check_actor, find_violations
from .contract import (
    ActorCheck,
    AsyncRun,
    ExecutorName,
    Harness,
    Kit,
    PipelineUnderTest,
    Received,
    Run,
    Violation,
)
from .harness import NodeSetup, harness, pipeline_harness

__all__ = [
    "ActorCheck",
    "AsyncRun",
    "ContractError",
    "ExecutorName",
    "Harness",
    "Kit",
    "NodeSetup",
    "PipelineUnderTest",
    "Received",
    "Run",
    "Violation",
    "check_actor",
    "find_violations",
    "harness",
    "pipeline_harness",
]
