"""The configurations of balancers are read by the balancers themselves."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.files import text_of


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


@pytest.mark.parametrize("name", ["haproxy/tcp.cfg", "haproxy/grpc.cfg", "nginx/grpc.conf"])
def test_a_balancer_knows_the_ports_of_the_servers(name: str) -> None:
    assert "millrace-1:50051" in text_of(name)
    if name.startswith("haproxy"):
        assert "millrace-1:9464" in text_of(name)
