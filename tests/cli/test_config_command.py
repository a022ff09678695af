"""`millrace config`: what holds, and where it comes from."""

import json
from pathlib import Path

import pytest

from .commands import millrace, write_manifest

NODE: dict[str, object] = {"id": "a", "node_type": "PassThrough"}


def test_it_shows_every_setting_with_its_source(tmp_path: Path) -> None:
    (tmp_path / "runtime.toml").write_text("[multiprocess]\nchannel_capacity = 7\n")
    done = millrace("config", folder=tmp_path)
    assert done.returncode == 0
    (line,) = [line for line in done.stdout.splitlines() if "channel_capacity" in line]
    assert line.split()[:3] == ["multiprocess.channel_capacity", "7", "runtime.toml"]
    assert "limits.max_sessions" in done.stdout


def test_with_a_manifest_it_shows_what_holds_for_its_session(tmp_path: Path) -> None:
    path = write_manifest(tmp_path, NODE)
    said = json.loads(path.read_text())
    said["metadata"]["multiprocess"] = {"channel_capacity": 3}
    path.write_text(json.dumps(said))
    done = millrace("config", path, "--json", folder=tmp_path)
    shown = json.loads(done.stdout)
    assert shown["multiprocess.channel_capacity"] == {"value": 3, "source": "manifest", "note": ""}
    assert shown["limits.max_sessions"]["source"] == "default"


def test_check_is_silent_when_all_is_well(tmp_path: Path) -> None:
    done = millrace("config", "--check", folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_check_finds_what_a_start_would_trip_over(tmp_path: Path) -> None:
    (tmp_path / "runtime.toml").write_text(
        '[multiprocess]\npython_executable = "/nowhere/python"\n'
        '[files]\nroots = ["/nowhere"]\n[server]\ntls_key = "/nowhere/key"\n'
        '[http]\ntls_certificate = "/nowhere/http.pem"\n'
    )
    done = millrace("config", "--check", folder=tmp_path)
    assert done.returncode == 2
    assert "multiprocess.python_executable: /nowhere/python: there is no such file" in done.stderr
    assert "files.roots[0]: /nowhere: there is no such folder" in done.stderr
    assert "server.tls_key: /nowhere/key: there is no such file" in done.stderr
    assert "http.tls_certificate: /nowhere/http.pem: there is no such file" in done.stderr


NAMES_WITHOUT_EFFECT = """
[multiprocess]
preload = ["SileroVADNod", "PassThrough"]
[executors.shared]
enabled = true
types = ["PassThrough"]
[executors.remote]
enabled = true
[executors.remote.hosts.b]
address = "b:1"
token_file = "/nowhere/token"
tls_ca = "/nowhere/ca.pem"
[executors.remote.hosts.c]
address = "b:1"
[routing]
override_executors = ["nativ"]
[pipelines]
a = "nofile.yaml"
"""


def test_check_finds_names_that_have_no_effect(tmp_path: Path) -> None:
    (tmp_path / "runtime.toml").write_text(NAMES_WITHOUT_EFFECT)
    done = millrace("config", "--check", folder=tmp_path)
    assert done.returncode == 2
    for found in (
        'multiprocess.preload[0]: no node type "SileroVADNod"; did you mean "SileroVADNode"?',
        'multiprocess.preload[1]: "PassThrough" has no preload()',
        'executors.shared.types[0]: "PassThrough" has no process_batch()',
        'routing.override_executors[0]: no executor "nativ"; did you mean "native"?',
        "executors.remote.hosts.b.token_file",
        "executors.remote.hosts.b.tls_ca: /nowhere/ca.pem: there is no such file",
        "executors.remote.hosts.c.address: b:1 is that of 'b' too",
        "pipelines.a: nofile.yaml",
    ):
        assert found in done.stderr


def test_a_wrong_value_is_exit_status_2_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "runtime.toml").write_text("[limits]\nmax_sesions = 3\n")
    done = millrace("config", folder=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert 'runtime.toml:2: limits.max_sesions: unknown key; did you mean "max_sessions"?' in (
        done.stderr
    )


def test_an_executor_that_is_not_there_is_found(tmp_path: Path) -> None:
    (tmp_path / "runtime.toml").write_text('[routing]\ndefault_executor = "gpu"\n')
    done = millrace("config", "--check", folder=tmp_path)
    assert done.returncode == 2
    assert 'no executor "gpu"' in done.stderr


def test_tokens_are_never_shown(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text("very-secret\n")
    (tmp_path / "runtime.toml").write_text('[server]\nauth_tokens_file = "tokens"\n')
    for options in ((), ("--json",)):
        done = millrace("config", *options, folder=tmp_path)
        assert done.returncode == 0
        assert "very-secret" not in done.stdout + done.stderr


def test_node_types_of_the_command_line_are_not_said_to_be_in_runtime_toml(tmp_path: Path) -> None:
    nodes = tmp_path / "own_nodes.py"
    nodes.write_text("")
    options = ("--nodes", nodes, "--nodes", "X=own_nodes:X")
    shown = json.loads(millrace("config", *options, "--json", folder=tmp_path).stdout)
    for key in ("nodes", "catalogue.paths"):
        assert (shown[key]["source"], shown[key]["note"]) == ("command line", "--nodes")


OWN_NODE = """
from actors import Actor, Kind, Params, Text
class OwnNode(Actor[Params]):
    accepts = produces = frozenset({Kind.TEXT})
    def process(self, item: Text) -> Text:
        return item
"""


@pytest.mark.parametrize("form", ["own_nodes.py", "OwnNode=own_nodes:OwnNode"])
def test_a_manifest_may_run_natively_what_the_command_line_names(tmp_path: Path, form: str) -> None:
    (tmp_path / "own_nodes.py").write_text(OWN_NODE)
    for kind, status in (("OwnNode", 0), ("EchoNode", 2)):
        manifest = {
            "version": "v1",
            "metadata": {"name": "x", "multiprocess": {"executor_overrides": {"n": "native"}}},
            "nodes": [{"id": "n", "node_type": kind}],
            "connections": [],
        }
        (tmp_path / "m.json").write_text(json.dumps(manifest))
        done = millrace("validate", "m.json", "--nodes", form, folder=tmp_path)
        assert done.returncode == status
        assert ("routing.native_override_types" in done.stderr) == bool(status)
        done = millrace("run", "m.json", "-q", "--nodes", form, folder=tmp_path, given="hi\n")
        assert (done.returncode, done.stdout.strip()) == (
            0,
            "hi" if kind == "OwnNode" else "Echo #1: hi",
        )


def test_keys_of_models_are_checked_and_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runtime.toml").write_text(
        '[models.hosted]\nurl = "https://example.org/v1"\nmodel = "big"\n'
        'api_key_variable = "TEST_LLM_KEY"\n'
    )
    done = millrace("config", "--check", folder=tmp_path)
    assert done.returncode == 2
    assert "models.hosted.api_key_variable TEST_LLM_KEY: is not set" in done.stderr
    monkeypatch.setenv("TEST_LLM_KEY", "sk-secret")
    assert millrace("config", "--check", folder=tmp_path).returncode == 0
    for options in ((), ("--json",)):
        done = millrace("config", *options, folder=tmp_path)
        assert "models.hosted.url" in done.stdout
        assert "sk-secret" not in done.stdout + done.stderr
