"""The executor `ray`, nodes on a Ray cluster. Only the process of its driver imports Ray."""

from .executor import RayExecutor, open_ray_executor

__all__ = ["RayExecutor", "open_ray_executor"]
