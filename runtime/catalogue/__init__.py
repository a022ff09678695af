"""Node types: where each is found, its params, and its kinds of data."""

from .accepted_kinds import Acceptance
from .class_code import ClassCode
from .lookup import Catalogue, NodeType, build_catalogue, checked_actor, load_actor
from .modules import check_not_importing, is_target, target_of
from .params import check_params

__all__ = [
    "Acceptance",
    "Catalogue",
    "ClassCode",
    "NodeType",
    "build_catalogue",
    "check_not_importing",
    "check_params",
    "checked_actor",
    "is_target",
    "load_actor",
    "target_of",
]
