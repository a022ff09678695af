"""LLMNode."""

import json
from collections.abc import AsyncGenerator, Awaitable, Iterator
from contextlib import aclosing, contextmanager
from typing import Annotated, Any, Final, Literal

from ..actor import Actor, State
from ..data import DEFAULT_CHANNEL, Json, Text
from ..endpoint import ModelEndpoint
from ..errors import DataError
from ..kinds import Kind
from ..params import Field, Params
from ._chat_client import ChatClient
from ._chat_history import ChatHistory, Message
from ._chat_messages import Answer, EndpointError, ToolCall
from ._event_loop import load_beside_loop
from ._extras import import_library
from ._sentences import SentenceStream
from ._tools import Toolbox

_UI_CHANNEL: Final = "ui"
_PORT: Final = "__aux_port__"
_SHORTEST_SECRET: Final = 4

ToolName = Annotated[str, Field(max_length=64, json_schema_extra={"format": "tool"})]


class LLMParams(Params):
    """The model of LLMNode, its instructions and its tools."""

    model: str = Field(
        "default",
        min_length=1,
        max_length=64,
        description="name of a chat endpoint of the operator, [models.NAME] in runtime.toml",
        json_schema_extra={"format": "model"},
    )
    system_prompt: str = Field(
        "", max_length=2**24, description="instructions for the model, before the conversation"
    )
    emit: Literal["token", "sentence"] = Field(
        "token",
        description='"token": pieces as they come; "sentence": whole sentences, for a voice',
    )
    full_text: bool = Field(
        True, description='whether the whole answer follows its pieces, on the channel "ui"'
    )
    tools: list[ToolName] = Field(
        [],
        max_length=64,
        description="names of functions of the operator, [tools] in runtime.toml, that the model "
        "may call",
    )
    max_tool_rounds: int = Field(
        4, ge=1, le=16, description="how often the model may call tools before it must answer"
    )
    tool_timeout_secs: float = Field(10, gt=0, le=300, description="seconds for one call of a tool")
    history_turns: int = Field(
        20, ge=0, le=1000, description="earlier turns that the model is reminded of"
    )
    max_tokens: int | None = Field(
        None, ge=1, le=2**20, description="tokens of one answer; absent: what the operator allows"
    )
    temperature: float | None = Field(
        None, ge=0, le=2, description="0 always takes the likeliest token; absent: the endpoint's"
    )


class LLMNode(Actor[LLMParams]):
    """Answer with a language model, at any endpoint that speaks OpenAI's chat protocol.

    Such as llama.cpp, vLLM, Ollama, or a hosted one. The operator names endpoints and their keys in
    runtime.toml, `[models.NAME]`; a manifest chooses a name.

    In: text, one turn of the person each; text with the metadata `partial` = "true", and text for
    another channel than "tts" (or none), is skipped. Out: the answer in pieces of text as they
    arrive, with

        partial         "true"
        piece           its number in the answer, from 0: pieces follow each other

    then, if full_text is set, the whole answer for the channel "ui", which voices skip, with

        final           "true"
        finish_reason   "stop", "length" or another one of the endpoint

    The conversation is remembered as far as history_turns and the operator's limit reach. Barge-in
    closes the response at once, and what was emitted until then is remembered.

    A model that calls tools gets their results, and goes on, at most max_tool_rounds times. A tool
    that fails, or takes longer than tool_timeout_secs, is an error that the model is told.

    A stream that moves to another server takes the conversation with it, without the results of
    tools, which a client must not see.

    JSON of the ports of the control bus is taken too: `system_prompt` (text) replaces the
    instructions, `context` (text) adds to the conversation, `reset` forgets the conversation.

    An endpoint that cannot be reached, refuses, or sends what is no answer ends the session with an
    error that names the model.
    """

    accepts = frozenset({Kind.TEXT, Kind.JSON})
    produces = frozenset({Kind.TEXT})

    _client: ChatClient | None = None

    @classmethod
    def preload(cls, params: LLMParams) -> None:
        """Import the HTTP library."""
        import_library("httpx2", extra="llm", node_type="LLMNode")

    def initialize(self) -> Awaitable[None] | None:
        """Load the HTTP client and the tools. Nothing is sent yet.

        Raises:
            ImportError: httpx2 is not installed.
            LookupError: the operator has no such model.
            DefinitionError: a tool's arguments cannot be described to a model.
            ValueError: the system prompt is longer than the operator allows.
        """
        name = self.params.model
        if name not in self.context.models:
            raise LookupError(f"there is no model {name!r}: [models.{name}] of runtime.toml has it")
        self._endpoint = self.context.models[name]
        self._history = ChatHistory(
            most_turns=self.params.history_turns,
            most_characters=self._endpoint.max_history_characters,
        )
        self._set_system_prompt(self.params.system_prompt)
        self.context.progress(0.2, "loading the HTTP client")
        return load_beside_loop(self._load)

    async def process(self, item: Text | Json) -> AsyncGenerator[Text, None]:
        """Yield the answer to a turn of the person, as it arrives.

        Raises:
            DataError: the text is longer than the operator allows, or the JSON is for no port.
            EndpointError: the endpoint gives no answer.
        """
        if isinstance(item, Json):
            self._take_port(item.value)
            return
        text = item.text.strip()
        is_for_model = item.channel in ("", DEFAULT_CHANNEL)
        if not text or not is_for_model or item.metadata.get("partial") == "true":
            return
        self._check_length("the text", text)
        self._history.begin(text)
        self._pieces = 0
        with _errors_named(self._endpoint):
            async with aclosing(self._answer()) as pieces:
                async for piece in pieces:
                    yield piece  # noqa: ASYNC119 (the runtime closes it)

    def export_state(self) -> list[State]:
        """Return the conversation: what both sides have said, without the results of tools."""
        return self._history.spoken()

    def import_state(self, state: list[State]) -> None:
        """Go on with it."""
        self._history.go_on(state)

    async def cleanup(self) -> None:
        """Close the connection."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def _load(self) -> None:
        library = import_library("httpx2", extra="llm", node_type="LLMNode")
        self._client = ChatClient(self._endpoint, library)
        if self.params.tools:
            self.context.progress(0.7, "loading the tools")
        functions = {name: self.context.tool(name) for name in self.params.tools}
        self._toolbox = Toolbox(functions, self.params.tool_timeout_secs)

    async def _answer(self) -> AsyncGenerator[Text, None]:
        import trio

        deadline = trio.current_time() + self._endpoint.answer_timeout_secs
        for round_number in range(self.params.max_tool_rounds + 1):
            may_call = round_number < self.params.max_tool_rounds
            answer = Answer(self._endpoint.max_answer_characters)
            is_complete = False
            try:
                async with aclosing(self._stream(answer, deadline, may_call=may_call)) as pieces:
                    async for piece in pieces:
                        yield piece  # noqa: ASYNC119 (the runtime closes it)
                is_complete = True
            finally:
                # After a barge-in too: the person has heard it. Calls of tools are remembered with
                # their results only.
                if answer.text and not (is_complete and answer.calls):
                    self._history.add({"role": "assistant", "content": answer.text})
            if not answer.calls:
                if self.params.full_text and answer.text:
                    ending = {"final": "true", "finish_reason": answer.finish_reason}
                    yield Text(answer.text, channel=_UI_CHANNEL, metadata=ending)
                return
            if not may_call:
                break
            with trio.CancelScope(deadline=deadline) as scope:
                await self._call_tools(answer)
            if scope.cancelled_caught:
                break
        raise EndpointError(
            f"it still calls tools after {self.params.max_tool_rounds} rounds (max_tool_rounds) or "
            f"{self._endpoint.answer_timeout_secs:g} s (answer_timeout_secs)"
        )

    async def _stream(
        self, answer: Answer, deadline: float, *, may_call: bool
    ) -> AsyncGenerator[Text, None]:
        """Yield the pieces of one response, which `answer` collects."""
        assert self._client is not None
        sentences = SentenceStream() if self.params.emit == "sentence" else None
        request = self._request(may_call=may_call)
        events = self._client.events(request, self.context.trace, deadline)
        async with aclosing(events):
            async for data in events:
                added = answer.add(data)
                pieces = sentences.add(added) if sentences is not None else (added,)
                for piece in pieces:
                    if piece:
                        yield self._piece(piece)  # noqa: ASYNC119 (as above)
        if not answer.finish_reason:
            raise EndpointError("its stream ended before its answer did")
        rest = sentences.end() if sentences is not None else ""
        if rest:
            yield self._piece(rest)

    def _piece(self, text: str) -> Text:
        number, self._pieces = self._pieces, self._pieces + 1
        return Text(text, metadata={"partial": "true", "piece": str(number)})

    def _request(self, *, may_call: bool) -> dict[str, Any]:
        endpoint, params = self._endpoint, self.params
        system = [{"role": "system", "content": self._system_prompt}] if self._system_prompt else []
        most = min(params.max_tokens or endpoint.max_tokens, endpoint.max_tokens)
        request: dict[str, Any] = {
            "model": endpoint.model,
            "messages": [*system, *self._history.messages()],
            "stream": True,
            endpoint.max_tokens_key: most,
        }
        if params.temperature is not None:
            request["temperature"] = params.temperature
        if params.tools:
            request["tools"] = self._toolbox.declarations
            # A model that has used up its rounds has to answer.
            request["tool_choice"] = "auto" if may_call else "none"
        return request

    async def _call_tools(self, answer: Answer) -> None:
        """Call the tools that the model asks for; remember the calls with their results."""
        messages: list[Message] = []
        calls = [_with_id(place, call) for place, call in enumerate(answer.calls)]
        for call in calls:
            result, reason = await self._toolbox.call(call.name, call.arguments)
            if reason:
                self.context.log.warning("tool call failed", extra={"reason": reason})
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
        asked = {
            "role": "assistant",
            "content": answer.text or None,
            "tool_calls": [_as_message(call) for call in calls],
        }
        self._history.add(asked, *messages)

    def _take_port(self, value: object) -> None:
        """Take what came for a port of the control bus."""
        port = value.get(_PORT) if isinstance(value, dict) else None
        payload = value.get("payload") if isinstance(value, dict) else None
        text = payload.get("text") if isinstance(payload, dict) else payload
        match port, text:
            case "system_prompt", str():
                self._set_system_prompt(text)
            case "context", str():
                self._check_length("the context", text)
                self._history.begin(text)
            case "reset", _:
                self._history.clear()
            case _:
                raise DataError(
                    "JSON for LLMNode must be for its port system_prompt or context, with text, or "
                    'for reset: {"__aux_port__": "context", "payload": {"text": "..."}}'
                )

    def _set_system_prompt(self, text: str) -> None:
        self._check_length("the system prompt", text)
        self._system_prompt = text

    def _check_length(self, what: str, text: str) -> None:
        most = self._endpoint.max_prompt_characters
        if len(text) > most:
            raise DataError(
                f"{what} has {len(text)} characters; the operator allows {most} "
                f"(models.{self._endpoint.name}.max_prompt_characters)"
            )


def _with_id(place: int, call: ToolCall) -> ToolCall:
    return ToolCall(call.id or f"call_{place}", call.name, call.arguments)


def _as_message(call: ToolCall) -> Message:
    # Endpoints parse what they get back; some refuse a conversation with what is no JSON.
    try:
        json.loads(call.arguments)
    except (ValueError, RecursionError):
        arguments = "{}"
    else:
        arguments = call.arguments
    function = {"name": call.name, "arguments": arguments}
    return {"id": call.id, "type": "function", "function": function}


@contextmanager
def _errors_named(endpoint: ModelEndpoint) -> Iterator[None]:
    """Add the name of the model to its errors; take out its keys, which it may repeat."""
    try:
        yield
    except EndpointError as error:
        reason = str(error)
        for value in endpoint.headers.values():
            for secret in (value, value.rpartition(" ")[2]):
                if len(secret) >= _SHORTEST_SECRET:
                    reason = reason.replace(secret, "***")
        raise EndpointError(f"the model {endpoint.name!r} gives no answer: {reason}") from None
