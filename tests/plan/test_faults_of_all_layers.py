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


def test_a_refused_interpreter_and_executor_are_told_beside_a_fault_of_form(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.json"
    path.write_text(
        json.dumps(
            {
                "version": "v2",
                "metadata": {
                    "name": "copy",
                    "multiprocess": {
                        "python_executable": "/bin/sh",
                        "executor_overrides": {"copy": "wasm"},
                    },
                },
                "nodes": [{"id": "copy", "node_type": "PassThrough"}],
                "connections": [],
            },
            indent=1,
        )
    )
    config = RuntimeConfig()
    with pytest.raises(ManifestError) as caught:
        plan_manifest(path, config=config, catalogue=build_catalogue(config))
    places = [fault.where.removeprefix(f"{path}:") for fault in caught.value.faults]
    assert places == [
        "2: version",
        "6: metadata.multiprocess.python_executable",
        "8: metadata.multiprocess.executor_overrides.copy",
    ]
