"""What runs on a node of a Ray cluster: the actor that Ray places, and the guard beside it."""

from .worker import OpenedWorker, RayWorker

__all__ = ["OpenedWorker", "RayWorker"]
