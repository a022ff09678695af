"""Benchmarks, run by hand: `python -m tests.benchmarks [NAME]`. The tests do not run them."""
