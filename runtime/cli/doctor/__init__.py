"""Checks of this machine for `millrace doctor`."""

from .checks import CHECKS, examined
from .finding import Finding, State
from .ray_cluster import check_cluster
from .subject import Subject

__all__ = ["CHECKS", "Finding", "State", "Subject", "check_cluster", "examined"]
