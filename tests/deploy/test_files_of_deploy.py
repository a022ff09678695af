"""What the files of deploy/ name exists, and linters and schemas accept them, where installed.

The extra `dev` has hadolint and kubernetes-validate; Debian's packages `prometheus` and `systemd`
have promtool and systemd-analyze.
"""

import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runtime.service import open_service_manager
from tests.deploy.files import DEPLOY, container, pod, settings_of, text_of, unit, yaml_of
from tests.docs.blocks import ROOT
from tests.docs.documents import check_command

METRICS = importlib.util.find_spec("runtime.metrics")
needs_metrics = pytest.mark.skipif(METRICS is None, reason="this version exports no metrics")
NAME = re.compile(r"\bmillrace_[a-z0-9_]+")
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
MONITORING = ["prometheus/alerts.yml", "prometheus/alerts.test.yml", "grafana/millrace.json"]
MANIFESTS = sorted(
    path.name
    for path in (DEPLOY / "kubernetes").glob("*.yaml")
    if path.name != "kustomization.yaml"
)


def tool(name: str) -> str:
    """Return the path of a program; without it the test is skipped."""
    found = shutil.which(name, path=f"{Path(sys.executable).parent}:/usr/bin:/usr/local/bin")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def accepted(*words: str | Path) -> str:
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def instructions() -> list[tuple[str, str]]:
    lines = re.sub(r"\\\n", " ", text_of("Dockerfile")).splitlines()
    steps = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    return [(name, rest) for name, rest in steps]


def test_hadolint_accepts_the_dockerfile() -> None:
    assert accepted(tool("hadolint"), DEPLOY / "Dockerfile") == ""


@pytest.mark.parametrize("name", MANIFESTS)
def test_kubernetes_accepts_the_manifests(name: str) -> None:
    validate = pytest.importorskip("kubernetes_validate")
    newest = validate.latest_version()
    validate.validate(yaml_of(f"kubernetes/{name}"), newest, strict=True)


def test_promtool_accepts_the_rules_and_each_raises_its_alert(tmp_path: Path) -> None:
    promtool = tool("promtool")
    accepted(promtool, "check", "rules", DEPLOY / "prometheus/alerts.yml")
    accepted(promtool, "check", "config", "--syntax-only", DEPLOY / "prometheus/prometheus.yml")
    accepted(promtool, "test", "rules", DEPLOY / "prometheus/alerts.test.yml")


def test_every_alert_is_tested_to_be_raised() -> None:
    (group,) = yaml_of("prometheus/alerts.yml")["groups"]
    raised = yaml_of("prometheus/alerts.test.yml")["tests"][1]["promql_expr_test"][0]
    named = {re.findall(r'"(\w+)"', sample["labels"])[0] for sample in raised["exp_samples"]}
    assert {rule["alert"] for rule in group["rules"]} == named


def test_promtool_accepts_every_query_of_the_dashboard(tmp_path: Path) -> None:
    rules = {
        "groups": [
            {
                "name": "dashboard",
                "rules": [
                    {"record": f"panel:{index}", "expr": query}
                    for index, query in enumerate(map(without_variables, queries()))
                ],
            }
        ]
    }
    file = tmp_path / "rules.json"  # JSON is YAML
    file.write_text(json.dumps(rules))
    assert f"{len(list(queries()))} rules" in accepted(tool("promtool"), "check", "rules", file)


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    analyze = tool("systemd-analyze")
    copy = tmp_path / "millrace.service"
    installed = f"ExecStart={shutil.which('true')}"
    copy.write_text(
        re.sub(r"^ExecStart=\S+", installed, text_of(f"systemd/{copy.name}"), flags=re.M)
    )
    assert accepted(analyze, "verify", copy) == ""
    # 10 is no protection at all; 2 and less counts as "OK".
    accepted(analyze, "security", "--offline=yes", "--threshold=20", "--no-pager", copy)


async def test_the_unit_asks_for_the_reports_that_the_server_sends() -> None:
    service = unit()["Service"]
    assert service["Type"] == ["notify"]
    assert int(service["WatchdogSec"][0]) > 0
    async with open_service_manager({}):
        pass


def test_the_unit_keeps_what_a_killed_server_leaves_where_the_next_one_looks() -> None:
    service = unit()["Service"]
    assert f"TMPDIR=/run/{service['RuntimeDirectory'][0]}" in service["Environment"]
    assert service["RuntimeDirectoryPreserve"] == ["yes"]


@pytest.mark.parametrize("place", ["unit", "image", "pod"])
def test_the_server_is_started_with_a_command_that_exists(place: str) -> None:
    words = {
        "unit": lambda: shlex.split(unit()["Service"]["ExecStart"][0]),
        "image": lambda: json.loads(dict(instructions())["CMD"]),
        "pod": lambda: container()["args"],
    }[place]()
    check_command(words)
    assert words[1] == "serve"


@needs_metrics
def test_the_health_check_of_the_image_is_a_command_that_exists() -> None:
    (words,) = re.findall(r"CMD (\[.*\])", dict(instructions())["HEALTHCHECK"])
    check_command(json.loads(words))


@needs_metrics
def test_the_image_has_extras_that_exist() -> None:
    import tomllib

    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (extras,) = re.findall(r"^ARG EXTRAS=(\S+)$", text_of("Dockerfile"), re.M)
    assert set(extras.split(",")) <= set(known)


def test_the_image_runs_an_init_and_not_as_root() -> None:
    steps = dict(instructions())
    assert json.loads(steps["ENTRYPOINT"])[0] == "tini"
    user = steps["USER"].partition(":")[0]
    assert user.isdecimal()
    assert int(user) == pod()["securityContext"]["runAsUser"] != 0


def test_what_the_image_copies_is_in_the_build_context() -> None:
    allowed = {
        line.removeprefix("!")
        for line in text_of("Dockerfile.dockerignore").splitlines()
        if line.startswith("!")
    }
    sources = [rest.split()[:-1] for name, rest in instructions() if name == "COPY"]
    copied = {path for paths in sources if not paths[0].startswith("--") for path in paths}
    assert copied == allowed
    for path in copied:
        assert (ROOT / path).exists()


def test_files_that_compose_mounts_exist_or_are_secrets() -> None:
    for service in yaml_of("compose.yaml")["services"].values():
        for mount in service["volumes"]:
            source = mount.partition(":")[0]
            if source.startswith("./") and not source.startswith("./secrets/"):
                assert (DEPLOY / source).exists(), source


def test_ports_and_secrets_are_the_same_everywhere() -> None:
    targets = yaml_of("prometheus/prometheus.yml")["scrape_configs"][0]["static_configs"]
    assert targets == [{"targets": ["millrace:9464"]}]
    ports = {port["name"]: port["containerPort"] for port in container()["ports"]}
    exposed = {int(port) for port in dict(instructions())["EXPOSE"].split()}
    assert exposed == set(ports.values()) == {50051, 9464}
    mounts = {mount["mountPath"] for mount in container()["volumeMounts"]}
    assert {"/etc/millrace/secrets", "/etc/millrace/config", "/dev/shm", "/tmp"} == mounts


def test_the_manifests_are_those_of_the_kustomization() -> None:
    assert sorted(yaml_of("kubernetes/kustomization.yaml")["resources"]) == MANIFESTS


def test_services_and_budgets_select_the_pods() -> None:
    labels = yaml_of("kubernetes/deployment.yaml")["spec"]["template"]["metadata"]["labels"]
    assert yaml_of("kubernetes/service.yaml")["spec"]["selector"] == labels
    budget = yaml_of("kubernetes/poddisruptionbudget.yaml")["spec"]
    assert budget["selector"]["matchLabels"] == labels


@needs_metrics
def test_pods_are_added_by_a_metric_that_is_exported_before_they_are_full() -> None:
    from runtime.metrics import EXPORTED

    spec = yaml_of("kubernetes/horizontalpodautoscaler.yaml")["spec"]
    deployment = yaml_of("kubernetes/deployment.yaml")
    target = spec["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", deployment["metadata"]["name"])
    assert "replicas" not in deployment["spec"]
    pods, resource = spec["metrics"]
    assert pods["pods"]["metric"]["name"] in {each.name for each in EXPORTED}
    most = settings_of("kubernetes/configmap.yaml").limits.max_sessions
    assert 0.5 * most <= float(pods["pods"]["target"]["averageValue"]) <= 0.8 * most
    assert resource["resource"]["name"] in container()["resources"]["requests"]


def panels() -> list[Any]:
    return list(json.loads(text_of("grafana/millrace.json"))["panels"])


def queries() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel.get("targets", ())]


def without_variables(query: str) -> str:
    return (
        query.replace("$__rate_interval", "5m")
        .replace("$instance", ".*")
        .replace("$pipeline", ".*")
    )


def test_the_dashboard_has_panels_that_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken
        taken |= cells
    assert len({panel["id"] for panel in panels()}) == len(panels())


def exported() -> dict[str, tuple[str, ...]]:
    """Return the labels of every series that a server exports, by its name."""
    from runtime.metrics import EXPORTED  # type: ignore[import-not-found,unused-ignore]

    return {
        f"{metric.name}{suffix}": metric.labels
        for metric in EXPORTED
        for suffix in SUFFIXES[metric.kind.value]
    }


@needs_metrics
@pytest.mark.parametrize("file", MONITORING)
def test_metrics_that_deploy_uses_are_exported(file: str) -> None:
    names = set(NAME.findall(text_of(file)))
    assert names
    assert names - set(exported()) == set()


@needs_metrics
@pytest.mark.parametrize("file", MONITORING)
def test_labels_that_deploy_uses_are_exported(file: str) -> None:
    series = exported()
    # Prometheus adds the first two.
    known = {"instance", "job", "le"}
    used = re.findall(r"(millrace_[a-z0-9_]+)\{([^}]*)\}", text_of(file))
    for name, selector in used:
        labels = set(re.findall(r"(\w+) *!?=~?", selector))
        assert labels <= known | set(series[name]), (name, selector)
