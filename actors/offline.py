"""Environment variables that keep the libraries of models off the network."""

import os
from typing import Final

OFFLINE_ENVIRONMENT: Final = {
    "DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "ORT_DISABLE_TELEMETRY": "1",
    "TRANSFORMERS_OFFLINE": "1",
}
"""Set in every node process, and where a model is loaded natively. The operator's values stay."""


def stay_offline() -> None:
    """Set these variables in this process, where the operator has not set them.

    Libraries read them once, when they are imported.
    """
    for name, value in OFFLINE_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
