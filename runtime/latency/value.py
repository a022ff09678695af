"""A summary as plain values, for JSON."""

from typing import Any

from .parts import PARTS, ResultLatency, Stay
from .summary import LatencySummary, QuantileLatency


def summary_value(summary: LatencySummary) -> dict[str, Any]:
    """Return a summary as plain values; times are in milliseconds."""
    return {
        "results": summary.results,
        "incomplete": summary.incomplete,
        "chunk_interval": summary.interval,
        "quantiles": [_quantile_value(each) for each in summary.quantiles],
        "typical": [_result_value(each) for each in summary.typical],
        "slowest": [_result_value(each) for each in summary.slowest],
    }


def _quantile_value(quantile: QuantileLatency) -> dict[str, Any]:
    return {
        "quantile": quantile.quantile,
        "results": quantile.results,
        "total_ms": quantile.total_ns / 1e6,
        "stays": [_stay_value(stay) for stay in quantile.stays],
        "owner": quantile.owner,
        "part": quantile.part.value,
        "diagnosis": quantile.diagnosis,
    }


def _result_value(result: ResultLatency) -> dict[str, Any]:
    return {
        "node": result.node_id,
        "sequence": result.sequence,
        "entered_ms": result.entered_ns // 1_000_000,
        "total_ms": result.total_ns / 1e6,
        "stays": [_stay_value(stay) for stay in result.stays],
    }


def _stay_value(stay: Stay) -> dict[str, Any]:
    return {"node": stay.node_id, **{f"{p.value}_ms": stay.part(p) / 1e6 for p in PARTS}}
