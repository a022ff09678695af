"""Node types: where each is found, its params, and its kinds of data."""

from .accepted_kinds import Acceptance
from .built_in import BUILT_IN
from .class_code import ClassCode
from .lookup import Catalogue, NodeType, build_catalogue, checked_actor, load_actor
from .modules import absolute_target, check_not_importing, is_target, target_of
from .params import check_params
from .tools import ToolFinder

__all__ = [
    "BUILT_IN",
    "Acceptance",
    "Catalogue",
    "ClassCode",
    "NodeType",
    "ToolFinder",
    "absolute_target",
    "build_catalogue",
    "check_not_importing",
    "check_params",
    "checked_actor",
    "is_target",
    "load_actor",
    "target_of",
]
