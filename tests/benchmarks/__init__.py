"""Measurements, run on demand: `python -m tests.benchmarks [NAME]`. None is part of the tests."""
