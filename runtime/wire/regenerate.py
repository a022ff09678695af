"""Generate the message classes from proto/: `python -m runtime.wire.regenerate`.

It needs a checkout with the dev extra installed. The result depends only on proto/ and the versions
of the tools, not on the machine, the current folder, or the ruff settings there.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Final

from betterproto2_compiler.lib.google.protobuf import DescriptorProto, FileDescriptorSet
from betterproto2_compiler.lib.google.protobuf.compiler import (
    CodeGeneratorRequest,
    CodeGeneratorResponse,
)

from .descriptors import DESCRIPTOR_SET

GENERATED: Final = Path(__file__).parent / "generated"
PROTO: Final = Path(__file__).parents[2] / "proto"

# Classes for grpclib clients and servers. Synchronous clients would need grpcio.
_OPTIONS: Final = "client_generation=async,server_generation=async"
_RUFF_SETTINGS: Final = 'line-length = 100\ntarget-version = "py311"\n'


def generate(proto: Path = PROTO) -> dict[str, bytes]:
    """Return the content of every file of `generated/`, by its path there.

    Raises:
        FileNotFoundError: `proto` has no .proto file.
        subprocess.CalledProcessError: a tool failed; its message is on stderr.
    """
    described = FileDescriptorSet.parse(_describe(proto, "--include_source_info"))
    # The classes of deprecated messages would warn. The server must accept them from old clients.
    for file in described.file:
        for message in file.message_type:
            _drop_deprecations(message)
    # The descriptors for reflection keep the deprecations, and have no comments.
    files = _classes(described)
    files[DESCRIPTOR_SET] = _describe(proto)
    return files


def write(files: dict[str, bytes], folder: Path = GENERATED) -> None:
    """Replace the content of `folder` by `files`."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _describe(proto: Path, *options: str) -> bytes:
    names = sorted(path.relative_to(proto).as_posix() for path in proto.rglob("*.proto"))
    if not names:
        raise FileNotFoundError(f"no .proto file in {proto}; run this in a checkout")
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "descriptors")
        arguments = ["-I.", "--include_imports", *options, f"-o{output}", *names]
        command = [sys.executable, "-m", "grpc_tools.protoc", *arguments]
        subprocess.run(command, cwd=proto, check=True)  # noqa: S603 (names of our own files)
        return output.read_bytes()


def _drop_deprecations(message: DescriptorProto) -> None:
    for options in (message.options, *(field.options for field in message.field)):
        if options is not None:
            options.deprecated = False
    for nested in message.nested_type:
        _drop_deprecations(nested)


def _classes(described: FileDescriptorSet) -> dict[str, bytes]:
    request = CodeGeneratorRequest(
        file_to_generate=[file.name for file in described.file],
        parameter=_OPTIONS,
        proto_file=described.file,
    )
    scripts = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])
    # The plugin finds ruff in PATH, and ruff finds its settings in the current folder.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "ruff.toml").write_text(_RUFF_SETTINGS)
        answer = subprocess.run(
            [sys.executable, "-P", "-m", "betterproto2_compiler.plugin"],
            input=bytes(request),
            capture_output=True,
            cwd=folder,
            env=os.environ | {"PATH": scripts},
            check=False,
        )
    if answer.returncode:
        sys.stderr.buffer.write(answer.stderr)
        answer.check_returncode()
    response = CodeGeneratorResponse.parse(answer.stdout)
    return {file.name: file.content.encode() for file in response.file if file.name != "py.typed"}


if __name__ == "__main__":
    generated = generate()
    write(generated)
    sys.stdout.write(f"wrote {len(generated)} files to {GENERATED}\n")
