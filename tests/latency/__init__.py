"""Tests of the latency of results."""
