"""A file that is wrong in several ways is told all of them at once."""

import json
from pathlib import Path

import pytest

from runtime import ManifestError, RuntimeConfig
from runtime.catalogue import build_catalogue
from runtime.plan import plan_manifest


def test_faults_of_form_structure_type_and_params_come_together(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.json"
    path.write_text(
        json.dumps(
            {
                "version": "v2",
                "metadata": {},
                "nodes": [
                    {"id": "a b", "node_type": "PassThrough", "speed": 3},
                    {"id": "chunk", "node_type": "AudioChunkerNode", "params": {"chunk_size": "x"}},
                    {"id": "vod", "node_type": "SileroVADNod"},
                    {"id": "end", "node_type": "PassThrough"},
                ],
                "connections": [
                    {"from": "chunk", "to": "end"},
                    {"from": "end", "to": "chunk"},
                    {"from": "chunk", "to": "vad"},
                ],
            },
            indent=1,
        )
    )
    config = RuntimeConfig()
    with pytest.raises(ManifestError) as caught:
        plan_manifest(path, config=config, catalogue=build_catalogue(config))
    told = str(caught.value)
    for part in (
        "version",
        "metadata",
        "a b",
        "speed",
        "node 'chunk' (AudioChunkerNode): param chunk_size",
        'no node type "SileroVADNod"; did you mean "SileroVADNode"?',
        "chunk -> end -> chunk",
        '"vod"',
    ):
        assert part in told, told
