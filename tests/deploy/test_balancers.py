"""The configurations of balancers are read by the balancers themselves, or by their schema."""

import shutil
import subprocess
from importlib import import_module
from pathlib import Path

import pytest

from tests.deploy.files import text_of, yaml_of


def local(name: str) -> str:
    """Return a file for servers on this machine: the names of others cannot be resolved here."""
    text = text_of(name)
    for number in (1, 2, 3):
        text = text.replace(f"millrace-{number}:", "127.0.0.1:")
    return text


@pytest.mark.skipif(shutil.which("haproxy") is None, reason="HAProxy is not installed")
@pytest.mark.parametrize("name", ["tcp.cfg", "grpc.cfg"])
def test_haproxy_accepts_its_configuration(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(local(f"haproxy/{name}"))
    done = subprocess.run(
        ["haproxy", "-c", "-f", str(tmp_path / name)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_nginx_accepts_its_configuration(tmp_path: Path) -> None:
    (tmp_path / "grpc.conf").write_text(local("nginx/grpc.conf"))
    whole = tmp_path / "nginx.conf"
    whole.write_text(
        f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{\naccess_log off;\ninclude grpc.conf;\n}}\n"
    )
    arguments = ["nginx", "-t", "-p", str(tmp_path), "-c", str(whole), "-e", f"{tmp_path}/log"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_envoy_accepts_its_configuration() -> None:
    """As far as its schema goes: Envoy itself is not tried."""
    pytest.importorskip(
        "envoy.config", reason="xds-protos is missing, which replaces files of opentelemetry-proto"
    )
    from google.protobuf import json_format

    extensions = "envoy.extensions."
    for name in (  # which the configuration has by the names of their messages
        "filters.http.router.v3.router_pb2",
        "retry.host.previous_hosts.v3.previous_hosts_pb2",
        "upstreams.http.v3.http_protocol_options_pb2",
    ):
        import_module(extensions + name)
    managers = import_module(
        f"{extensions}filters.network.http_connection_manager.v3.http_connection_manager_pb2"
    )
    bootstrap = import_module("envoy.config.bootstrap.v3.bootstrap_pb2").Bootstrap()
    read = json_format.ParseDict(yaml_of("envoy/grpc.yaml"), bootstrap)
    (listener,), (cluster,) = read.static_resources.listeners, read.static_resources.clusters
    manager = managers.HttpConnectionManager()
    assert listener.filter_chains[0].filters[0].typed_config.Unpack(manager)
    (route,) = manager.route_config.virtual_hosts[0].routes
    assert route.route.cluster == cluster.name == cluster.load_assignment.cluster_name
    ports = {
        each.endpoint.address.socket_address.port_value
        for each in cluster.load_assignment.endpoints[0].lb_endpoints
    }
    assert ports == {50051}


@pytest.mark.parametrize("name", ["haproxy/tcp.cfg", "haproxy/grpc.cfg", "nginx/grpc.conf"])
def test_a_balancer_knows_the_ports_of_the_servers(name: str) -> None:
    assert "millrace-1:50051" in text_of(name)
    if name.startswith("haproxy"):
        assert "millrace-1:9464" in text_of(name)
