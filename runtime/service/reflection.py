"""The standard reflection service of gRPC: clients such as grpcurl need no .proto files."""

from collections.abc import Iterable
from dataclasses import replace

from grpclib.const import Status

from ..wire import DescribedFile, described_files
from ..wire.standard import (
    ErrorResponse,
    ExtensionNumberResponse,
    FileDescriptorResponse,
    ListServiceResponse,
    ServerReflectionRequest,
    ServerReflectionResponse,
    ServiceResponse,
)
from .server_call import ServerCall


class ReflectionService:
    """Serves the files that describe the server's services."""

    def __init__(self, services: Iterable[str]) -> None:
        self._services = sorted(services)
        self._files: dict[str, DescribedFile] = {file.name: file for file in described_files()}
        self._homes = {name: file for file in self._files.values() for name in file.symbols}

    async def server_reflection_info(
        self, call: ServerCall[ServerReflectionRequest, ServerReflectionResponse]
    ) -> None:
        """Answer each request in turn."""
        while (request := await call.receive()) is not None:
            await call.send(replace(self._answer(request), original_request=request))

    def _answer(self, request: ServerReflectionRequest) -> ServerReflectionResponse:
        if request.list_services is not None:
            services = [ServiceResponse(name=name) for name in self._services]
            return ServerReflectionResponse(
                list_services_response=ListServiceResponse(service=services)
            )
        if request.file_by_filename is not None:
            return self._file(request.file_by_filename, request.file_by_filename)
        if (symbol := request.file_containing_symbol) is not None:
            return self._file(self._home_of(symbol), symbol)
        if (name := request.all_extension_numbers_of_type) is not None:
            if name.lstrip(".") in self._homes:
                return ServerReflectionResponse(
                    all_extension_numbers_response=ExtensionNumberResponse(base_type_name=name)
                )
            return _not_found(name)
        if request.file_containing_extension is not None:
            return _not_found(f"extensions of {request.file_containing_extension.containing_type}")
        return _error(Status.INVALID_ARGUMENT, "the request has no member set")

    def _home_of(self, symbol: str) -> str | None:
        file = self._homes.get(symbol.lstrip("."))
        return None if file is None else file.name

    def _file(self, name: str | None, asked: str) -> ServerReflectionResponse:
        if name not in self._files:
            return _not_found(asked)
        wanted, found = [name], dict[str, bytes]()
        while wanted:
            file = self._files[wanted.pop()]
            if file.name not in found:
                found[file.name] = file.serialized
                wanted += file.imports
        return ServerReflectionResponse(
            file_descriptor_response=FileDescriptorResponse(
                file_descriptor_proto=list(found.values())
            )
        )


def _not_found(what: str) -> ServerReflectionResponse:
    return _error(Status.NOT_FOUND, f"this server does not know {what}")


def _error(status: Status, message: str) -> ServerReflectionResponse:
    return ServerReflectionResponse(
        error_response=ErrorResponse(error_code=status.value, error_message=message)
    )
