"""Node types: where each is found, its params, and its kinds of data."""

from .accepted_kinds import Acceptance
from .built_in import BUILT_IN
from .lookup import Catalogue, NodeType, build_catalogue, load_actor
from .modules import absolute_target, is_target, target_of
from .params import check_params
from .tools import ToolFinder

__all__ = [
    "BUILT_IN",
    "Acceptance",
    "Catalogue",
    "NodeType",
    "ToolFinder",
    "absolute_target",
    "build_catalogue",
    "check_params",
    "is_target",
    "load_actor",
    "target_of",
]
