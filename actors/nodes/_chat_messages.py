"""What a chat endpoint streams: pieces of an answer, checked and bounded."""

from typing import Annotated, Final

import msgspec

MOST_EVENT_BYTES: Final = 1024 * 1024
"""Bytes of one event of a stream. An answer of a model comes in events of a few hundred."""

DONE: Final = "[DONE]"
"""The data of the event after which a stream has no other one."""

MOST_CALLS: Final = 16
"""Tools that a model may call in one round."""

_MOST_ARGUMENT_CHARACTERS: Final = 65_536
_MOST_NAME_CHARACTERS: Final = 256
_MOST_SHOWN: Final = 200


class EndpointError(RuntimeError):
    """A chat endpoint cannot be reached, refuses, or sends what is no answer."""


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _CallPiece(msgspec.Struct):
    index: Annotated[int, msgspec.Meta(ge=0)] | None = None
    id: str | None = None
    function: _Function | None = None


class _Delta(msgspec.Struct):
    content: str | None = None
    tool_calls: list[_CallPiece] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Failure(msgspec.Struct):
    message: str = ""


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    error: _Failure | str | None = None


class Refusal(msgspec.Struct):
    """The body of a response that is no answer."""

    error: _Failure | str | None = None
    message: str = ""


_CHUNKS: Final = msgspec.json.Decoder(_Chunk)
_REFUSALS: Final = msgspec.json.Decoder(Refusal)


class ToolCall(msgspec.Struct):
    """A call of a tool that a model asks for.

    Attributes:
        arguments: JSON text, as the model wrote it: perhaps no JSON at all.
    """

    id: str = ""
    name: str = ""
    arguments: str = ""


class Answer:
    """One answer of a model, as far as it has come.

    Attributes:
        text: so far.
        calls: of tools, in the order of the model; complete when the stream has ended.
        finish_reason: empty until the model has finished.
    """

    def __init__(self, most_characters: int) -> None:
        self.text = ""
        self.finish_reason = ""
        self._most_characters = most_characters
        self.calls: list[ToolCall] = []
        self._open_calls: dict[int, ToolCall] = {}

    def add(self, data: str) -> str:
        """Take the data of one event; return the text that it adds.

        Raises:
            EndpointError: it is no piece of an answer, reports an error, or exceeds a bound.
        """
        if data.strip() == DONE:
            self.finish_reason = self.finish_reason or "stop"
            return ""
        try:
            chunk = _CHUNKS.decode(data)
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            raise EndpointError(
                f"it sent an event that is no piece of an answer: {error}"
            ) from None
        if chunk.error is not None:
            raise EndpointError(f"it reports an error: {shown_failure(chunk.error)}")
        added = ""
        for choice in (chunk.choices or [])[:1]:
            if choice.delta is not None:
                added += choice.delta.content or ""
                for place, piece in enumerate(choice.delta.tool_calls or []):
                    self._add_call(place, piece)
            self.finish_reason = (choice.finish_reason or self.finish_reason)[:_MOST_SHOWN]
        if len(self.text) + len(added) > self._most_characters:
            raise EndpointError(
                f"its answer is longer than {self._most_characters} characters "
                "(max_answer_characters)"
            )
        # Half of a surrogate pair is no text that can be encoded.
        added = added.encode(errors="replace").decode()
        self.text += added
        return added

    def _add_call(self, place: int, piece: _CallPiece) -> None:
        index = place if piece.index is None else piece.index
        given_id = (piece.id or "")[:_MOST_NAME_CHARACTERS]
        call = self._open_calls.get(index)
        # Some endpoints give all calls the same index.
        if call is None or (given_id and call.id and given_id != call.id):
            if len(self.calls) >= MOST_CALLS:
                raise EndpointError(f"its answer calls more than {MOST_CALLS} tools at once")
            call = self._open_calls[index] = ToolCall()
            self.calls.append(call)
        call.id = call.id or given_id
        if piece.function is None:
            return
        call.name += piece.function.name or ""
        call.arguments += piece.function.arguments or ""
        if len(call.name) > _MOST_NAME_CHARACTERS:
            raise EndpointError("its answer calls a tool whose name has no end")
        if len(call.arguments) > _MOST_ARGUMENT_CHARACTERS:
            raise EndpointError(
                f"its answer calls a tool with more than {_MOST_ARGUMENT_CHARACTERS} characters of "
                "arguments"
            )


def refusal_in(body: bytes) -> str:
    """Return what the body of a refusal states, in one line; empty if nothing that can be read."""
    try:
        refusal = _REFUSALS.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return ""
    return shown_failure(refusal.error or refusal.message)


def shown_failure(failure: _Failure | str) -> str:
    """Return the message of an endpoint in one printable line of at most 200 characters."""
    text = failure if isinstance(failure, str) else failure.message
    line = " ".join(text.split())
    printable = "".join(each if each.isprintable() else "?" for each in line)
    return printable if len(printable) <= _MOST_SHOWN else f"{printable[:_MOST_SHOWN]}..."
