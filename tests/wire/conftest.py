"""The contract as the official tools see it: protoc's descriptors, and protobuf's own classes."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.wire.codec import Codec

PROTO = Path(__file__).parents[2] / "proto"


@pytest.fixture(scope="session")
def descriptors(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What protoc reads in proto/, as a serialized FileDescriptorSet."""
    pytest.importorskip("grpc_tools", reason="protoc is missing: install the dev extra")
    output = tmp_path_factory.mktemp("protoc") / "descriptors"
    names = [path.relative_to(PROTO).as_posix() for path in PROTO.rglob("*.proto")]
    arguments = ["-I.", "--include_imports", f"-o{output}", *sorted(names)]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *arguments], cwd=PROTO, check=True)
    return output.read_bytes()


@pytest.fixture(scope="session")
def official(descriptors: bytes) -> Callable[[str], type]:
    """Protobuf's own classes, by name: made in a pool of their own, which no other code shares."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(descriptors).file:
        pool.Add(file)

    def find(name: str) -> type:
        found = pool.FindMessageTypeByName(f"remotemedia.v1.{name}")
        found_class: type = message_factory.GetMessageClass(found)
        return found_class

    return find


@pytest.fixture(scope="session")
def codec() -> Codec:
    """The service's codec, which prepares each class of messages once."""
    return Codec()
