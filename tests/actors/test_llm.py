"""LLMNode against a real endpoint on a socket: answers, tools, barge-in, and what goes wrong."""

import logging
import threading
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

import pytest
import trio

from actors import Audio, CancelSpeculation, Control, Json, Text
from runtime import HookError, ManifestError, RuntimeConfig, Session
from runtime.config import parse_config
from tests.session.pipelines import manifest

from .chat_endpoint import (
    Endpoint,
    Exchange,
    Script,
    calls_tool,
    open_endpoint,
    piece,
    responds,
    roles,
    says,
    sends,
    wait_closed,
)
from .test_turn import spoken

pytest.importorskip("httpx2")

PLACES = ["native", "multiprocess"]
_over = threading.Event()
KEY = "sk-very-secret-key"


def weather(city: str, days: int = 1) -> dict[str, object]:
    """Return the weather of a city."""
    return {"city": city, "days": days, "sky": "blue"}


def broken() -> str:
    """Fail."""
    raise RuntimeError("the sensor is wet")


def slow() -> str:
    """Take too long."""
    _over.wait()
    return "late"


async def clock() -> str:
    """Return the time."""
    await trio.lowlevel.checkpoint()
    return "noon"


def endpoint_of(*scripts: Script | Endpoint) -> AbstractAsyncContextManager[Endpoint]:
    (first, *_) = scripts
    if isinstance(first, Endpoint):
        return nullcontext(first)
    return open_endpoint(*(each for each in scripts if not isinstance(each, Endpoint)))


def config_for(url: str, **settings: object) -> RuntimeConfig:
    lines = [f"{name} = {value!r}" for name, value in settings.items()]
    tools = [f'{name} = "{__name__}:{name}"' for name in ("weather", "broken", "slow", "clock")]
    return parse_config(
        "\n".join(
            [
                "[models.local]",
                f'url = "{url}"',
                'model = "tiny"',
                'api_key_variable = "LLM_TEST_KEY"',
                *lines,
                "[tools]",
                *tools,
            ]
        )
    )


class Talk:
    """A session with one LLMNode."""

    def __init__(self, session: Session, endpoint: Endpoint) -> None:
        self.session = session
        self.endpoint = endpoint

    async def ask(self, *items: Text | Json) -> list[Text]:
        for item in items:
            await self.session.send(item)
        await self.session.close_input()
        return [result.data async for result in self.session if isinstance(result.data, Text)]


@pytest.fixture
def talk(runtime_with, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("LLM_TEST_KEY", KEY)

    @asynccontextmanager
    async def opened(
        *scripts: Script | Endpoint,
        place: str = "native",
        settings: dict[str, object] | None = None,
        **params: object,
    ) -> AsyncIterator[Talk]:
        with trio.fail_after(30):
            async with endpoint_of(*scripts) as endpoint:
                config = config_for(endpoint.url, **(settings or {}))
                pipeline = manifest(
                    {"llm": ("LLMNode", {"model": "local", **params})}, places={"llm": place}
                )
                async with (
                    runtime_with(config) as runtime,
                    runtime.open_session(pipeline) as session,
                ):
                    yield Talk(session, endpoint)

    return opened


def texts(results: Iterable[Text]) -> list[str]:
    return [text.text for text in results if text.channel != "ui"]


@pytest.mark.parametrize("place", PLACES)
async def test_an_answer_comes_in_pieces_and_then_as_a_whole(talk: Any, place: str) -> None:
    async with talk(says("Hel", "lo", " you."), place=place, system_prompt="Be short.") as it:
        results = await it.ask(Text("Hi!"))
    assert texts(results) == ["Hel", "lo", " you."]
    assert [dict(text.metadata) for text in results[:-1]] == [
        {"partial": "true", "piece": str(number)} for number in range(3)
    ]
    assert (results[-1].text, results[-1].channel) == ("Hello you.", "ui")
    assert results[-1].metadata == {"final": "true", "finish_reason": "stop"}
    (request,) = it.endpoint.requests
    assert request.path == "/v1/chat/completions"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.body == {
        "model": "tiny",
        "messages": [
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": "Hi!"},
        ],
        "stream": True,
        "max_tokens": 1024,
    }


async def test_sentences_come_whole_for_a_voice(talk: Any) -> None:
    script = says("It costs 3", ".50 euro", "s. Rea", "lly? ", "Yes")
    async with talk(script, emit="sentence", full_text=False) as it:
        results = await it.ask(Text("How much?"))
    assert texts(results) == ["It costs 3.50 euros.", "Really?", "Yes"]


async def test_the_conversation_is_remembered_within_its_bounds(talk: Any) -> None:
    async with talk(says("Yes."), history_turns=1, max_tokens=5000, temperature=0) as it:
        await it.ask(*(Text(f"Question {number}") for number in range(3)))
    last = it.endpoint.requests[-1]
    assert [message["content"] for message in last.body["messages"]] == [
        "Question 1",
        "Yes.",
        "Question 2",
    ]
    # The operator's limit is the lower one.
    assert (last.body["max_tokens"], last.body["temperature"]) == (1024, 0)


async def test_the_operator_bounds_the_characters_of_the_conversation(talk: Any) -> None:
    async with talk(says("Yes."), settings={"max_history_characters": 20}) as it:
        await it.ask(Text("a" * 10), Text("b" * 10), Text("c" * 30))
    sent = [[each["content"][0] for each in r.body["messages"]] for r in it.endpoint.requests]
    assert sent == [["a"], ["b"], ["c"]]


async def test_an_end_without_a_reason_is_an_end(talk: Any) -> None:
    async def bare(exchange: Exchange) -> None:
        await exchange.head()
        await exchange.event(piece(role="assistant", content=None, tool_calls=None))
        await exchange.event({"choices": [], "usage": {"total_tokens": 3}})
        await exchange.pieces("Yes.", finish=None)
        await exchange.event("[DONE]")

    async with talk(bare) as it:
        results = await it.ask(Text("Hi!"))
    assert [text.text for text in results] == ["Yes.", "Yes."]


async def test_calls_with_the_same_index_are_calls_of_their_own(talk: Any) -> None:
    calls = [calls_tool("clock", "{}", 0, call_id) for call_id in ("a", "b")]
    async with talk(sends(*calls), says("Noon."), tools=["clock"]) as it:
        await it.ask(Text("What time is it?"))
    _, asked, *results = it.endpoint.requests[1].body["messages"]
    assert [call["id"] for call in asked["tool_calls"]] == ["a", "b"]
    assert [result["content"] for result in results] == ["noon", "noon"]


async def test_what_is_not_for_the_model_is_skipped(talk: Any) -> None:
    async with talk(says("Yes.")) as it:
        results = await it.ask(
            Text("Wha", metadata={"partial": "true"}), Text("Shown.", channel="ui"), Text(" ")
        )
    assert results == []
    assert it.endpoint.requests == []


async def test_ports_of_the_control_bus_change_the_conversation(talk: Any) -> None:
    def port(name: str, payload: object = None) -> Json:
        return Json({"__aux_port__": name, "payload": payload})

    async with talk(says("Yes."), system_prompt="Old.") as it:
        await it.ask(
            Text("First."),
            port("reset"),
            port("system_prompt", "New."),
            port("context", {"text": "It rains."}),
            Text("Second."),
        )
    assert it.endpoint.requests[1].body["messages"] == [
        {"role": "system", "content": "New."},
        {"role": "user", "content": "It rains.\nSecond."},
    ]


@pytest.mark.parametrize("place", PLACES)
async def test_barge_in_closes_the_response_and_keeps_what_was_said(talk: Any, place: str) -> None:
    closed = trio.Event()

    async def endless(exchange: Exchange) -> None:
        await exchange.head()
        await exchange.pieces("Once ", "upon ", finish=None)
        await wait_closed(exchange, closed)

    async with talk(endless, says("Yes?"), place=place) as it:
        await it.session.send(Text("Tell me a story."), timestamp_ms=1000)
        heard = [(await it.session.receive()).data.text for _ in range(2)]
        await it.session.send(Control(CancelSpeculation(0, 1500)))
        await closed.wait()
        await it.session.send(Text("Stop."), timestamp_ms=2000)
        results = await it.ask()
    assert heard == ["Once ", "upon "]
    assert texts(results) == ["Yes?"]
    assert it.endpoint.requests[1].body["messages"] == [
        {"role": "user", "content": "Tell me a story."},
        {"role": "assistant", "content": "Once upon "},
        {"role": "user", "content": "Stop."},
    ]


async def test_a_turn_that_was_interrupted_before_its_answer_is_continued(talk: Any) -> None:
    asked, closed = trio.Event(), trio.Event()

    async def silent(exchange: Exchange) -> None:
        asked.set()
        await wait_closed(exchange, closed)

    async with talk(silent, says("Yes?")) as it:
        await it.session.send(Text("Turn on"), timestamp_ms=1000)
        await asked.wait()
        await it.session.send(Control(CancelSpeculation(0, 1500)))
        await closed.wait()
        await it.session.send(Text("the light."), timestamp_ms=2000)
        await it.ask()
    (message,) = it.endpoint.requests[1].body["messages"]
    assert message["content"] == "Turn on\nthe light."


@pytest.mark.parametrize("place", PLACES)
async def test_leaving_the_session_closes_the_response(talk: Any, place: str) -> None:
    closed = trio.Event()

    async def endless(exchange: Exchange) -> None:
        await exchange.head()
        await exchange.pieces("Once ", finish=None)
        await wait_closed(exchange, closed)

    async with open_endpoint(endless) as endpoint:
        async with talk(endpoint, place=place) as it:
            await it.session.send(Text("Tell me a story."))
            await it.session.receive()
        await closed.wait()


@pytest.mark.parametrize("place", PLACES)
async def test_a_model_calls_tools_and_goes_on(talk: Any, place: str) -> None:
    async def asks(exchange: Exchange) -> None:
        await exchange.head()
        await exchange.event(piece(content="Let me see. "))
        for index, (name, begin, end) in enumerate(
            [("weather", '{"ci', 'ty": "Rome"}'), ("clock", "{", "}")]
        ):
            await exchange.event(calls_tool(name, begin, index, f"c{index}"))
            await exchange.event(
                piece(tool_calls=[{"index": index, "function": {"arguments": end}}])
            )
        await exchange.pieces(finish="tool_calls")

    async with talk(asks, says("Blue."), place=place, tools=["weather", "clock"]) as it:
        results = await it.ask(Text("How is the sky in Rome?"))
    assert texts(results) == ["Let me see. ", "Blue."]
    first, second = it.endpoint.requests
    declared = {each["function"]["name"]: each["function"] for each in first.body["tools"]}
    assert declared["weather"]["description"] == "Return the weather of a city."
    assert declared["weather"]["parameters"]["required"] == ["city"]
    assert declared["weather"]["parameters"]["properties"]["days"]["type"] == "integer"
    assert list(roles(second)) == ["user", "assistant", "tool", "tool"]
    _, asked, sky, noon = second.body["messages"]
    assert [call["id"] for call in asked["tool_calls"]] == ["c0", "c1"]
    assert sky["content"] == '{"city": "Rome", "days": 1, "sky": "blue"}'
    assert (noon["tool_call_id"], noon["content"]) == ("c1", "noon")


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (calls_tool("broken", "{}"), "broken raised RuntimeError: the sensor is wet"),
        (calls_tool("slow", "{}"), "slow has not returned after 0.05 s"),
        (calls_tool("shell", "{}"), "there is no tool 'shell'"),
        (calls_tool("weather", "{"), "the arguments do not fit"),
        (calls_tool("weather", "[1]"), "the arguments do not fit"),
        (calls_tool("weather", '{"city": "Rome", "x": 1}'), "x: Extra inputs"),
        (calls_tool("weather", '{"city": "Rome", "days": "many"}'), "days: Input should be"),
        (calls_tool("weather", "{}", None, ""), "city: Field required"),
        (calls_tool("", ""), "there is no tool ''"),
        (piece(tool_calls=[{"index": 3}]), "there is no tool ''"),
    ],
)
async def test_what_goes_wrong_with_a_tool_is_told_to_the_model(
    talk: Any, call: object, reason: str
) -> None:
    tools = ["weather", "broken", "slow"]
    _over.clear()
    async with talk(sends(call), says("Sorry."), tools=tools, toolTimeoutSecs=0.05) as it:
        results = await it.ask(Text("Go."))
    _over.set()
    assert texts(results) == ["Sorry."]
    (told,) = [m for m in it.endpoint.requests[1].body["messages"] if m["role"] == "tool"]
    assert reason in told["content"]


async def test_a_model_that_only_calls_tools_is_stopped(talk: Any) -> None:
    script = sends(calls_tool("weather", '{"city": "Rome"}'))
    with pytest.raises(HookError, match="still calls tools after 2 rounds"):
        async with talk(script, tools=["weather"], max_tool_rounds=2) as it:
            await it.ask(Text("Go."))
    assert [each.body["tool_choice"] for each in it.endpoint.requests] == ["auto", "auto", "none"]


async def cut(exchange: Exchange) -> None:
    await exchange.head("200 OK", "text/event-stream", "transfer-encoding: chunked")
    await exchange.stream.send_all(b'ff\r\ndata: {"choices"')


async def flood(exchange: Exchange) -> None:
    await exchange.head()
    while True:
        await exchange.event(piece(content="word " * 1000))


async def comments(exchange: Exchange) -> None:
    await exchange.head()
    while True:
        await exchange.stream.send_all(b": still there\n\n" * 100)


async def endless_line(exchange: Exchange) -> None:
    await exchange.head()
    await exchange.stream.send_all(b"data: ")
    while True:
        await exchange.stream.send_all(b"x" * 65536)


async def giant_chunk(exchange: Exchange) -> None:
    await exchange.head("200 OK", "text/event-stream", "transfer-encoding: chunked")
    await exchange.stream.send_all(b"ffffffffff\r\n")
    while True:
        await exchange.stream.send_all(b"x" * 65536)


async def hangs(exchange: Exchange) -> None:
    await exchange.head()
    await trio.sleep_forever()


def refuses(status: str, body: str = "", *more: str) -> Script:
    head = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *more, "", body]
    return responds("\r\n".join(head))


HOSTILE: dict[str, tuple[Script, str]] = {
    "cut": (cut, "it broke off its answer"),
    "flood": (flood, "its answer is longer than 65536 characters"),
    "comments": (comments, "its answer is not complete after 0.5 s"),
    "hangs": (hangs, r"it sent nothing for 0.2 s \(read_timeout_secs\)"),
    "endless line": (endless_line, "it sent an event of more than 1048576 bytes"),
    "giant chunk": (giant_chunk, "it sent an event of more than 1048576 bytes"),
    "no JSON": (sends("{"), "an event that is no piece of an answer"),
    "another JSON": (sends("[]"), "an event that is no piece of an answer"),
    "deep JSON": (sends("[" * 100_000), "an event that is no piece of an answer"),
    "half a pair": (sends(r'{"choices":[{"delta":{"content":"\ud800"}}]}'), "no piece of an"),
    "error event": (sends({"error": {"message": "out of\nmemory"}}), "an error: out of memory"),
    "no end": (
        responds("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"),
        "its stream ended before",
    ),
    "many calls": (
        sends(*(calls_tool("weather", "{}", index) for index in range(17))),
        "calls more than 16 tools at once",
    ),
    "long arguments": (sends(calls_tool("weather", "x" * 65_537)), "more than 65536 characters"),
    "HTML": (
        responds("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n<p>"),
        "it sent text/html",
    ),
    "no HTTP": (responds("220 mail.example.org ESMTP\r\n"), "it broke off its answer"),
    "nothing": (responds(""), "it broke off its answer"),
    "401": (refuses("401 Unauthorized", KEY), "it refuses the key, or there is none: 401"),
    "404": (
        refuses("404 Not Found", '{"error": {"message": "no model tiny"}}'),
        "404 Not Found .no model tiny.",
    ),
    "429": (refuses("429 Too Many Requests", "", "retry-after: 20"), "it asks to wait 20 s"),
    "429 without sense": (refuses("429 Slow", "", "retry-after: <b>"), "it refuses: 429 Slow$"),
    "500": (
        refuses("500 Oops", f'{{"error": "key {KEY} failed"}}'),
        r"500 Oops \(key \*\*\* failed\)",
    ),
    "long refusal": (refuses("500 Oops", "x" * 1_000_000), "it refuses: 500 Oops$"),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_an_endpoint_that_gives_no_answer_ends_the_session(
    talk: Any, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    script, reason = HOSTILE[name]
    caplog.set_level(logging.DEBUG)
    settings = {"read_timeout_secs": 0.2, "answer_timeout_secs": 0.5 if name == "comments" else 20}
    with pytest.raises(HookError, match=reason) as caught:
        async with talk(script, settings=settings) as it:
            await it.ask(Text("Hi!"))
    assert caught.value.node_id == "llm"
    assert "the model 'local' gives no answer" in str(caught.value)
    for shown in (str(caught.value), caught.value.stack_trace, caplog.text):
        assert KEY not in shown


async def test_a_redirect_takes_the_key_nowhere(talk: Any) -> None:
    async with open_endpoint(says("Stolen.")) as elsewhere:
        script = refuses("307 Temporary Redirect", "", f"location: {elsewhere.url}")
        with pytest.raises(HookError, match="it redirects .307 Temporary Redirect"):
            async with talk(script) as it:
                await it.ask(Text("Hi!"))
        assert elsewhere.requests == []


@pytest.mark.parametrize("place", PLACES)
async def test_an_endpoint_that_is_not_there_is_named_by_its_name(talk: Any, place: str) -> None:
    async with open_endpoint(says()) as gone:
        pass
    with pytest.raises(HookError, match="'local' gives no answer: it cannot be reached") as caught:
        async with talk(gone, place=place) as it:
            await it.ask(Text("Hi!"))
    assert gone.url not in str(caught.value)


async def test_prompts_are_bounded_by_the_operator(talk: Any) -> None:
    settings = {"max_prompt_characters": 10}
    with pytest.raises(HookError, match="the system prompt has 11 characters; the operator allow"):
        async with talk(says("Yes."), settings=settings, system_prompt="x" * 11) as it:
            await it.ask(Text("Hi!"))
    with pytest.raises(HookError, match="the text has 11 characters"):
        async with talk(says("Yes."), settings=settings) as it:
            await it.ask(Text("x" * 11))


async def test_a_client_names_a_model_of_the_operator_and_no_url(talk: Any) -> None:
    with pytest.raises(ManifestError, match="the operator has no model 'http://127.0.0.1/v1'"):
        async with talk(says(), model="http://127.0.0.1/v1"):
            pass


async def test_a_user_who_speaks_interrupts_the_answer_and_gets_another_one(
    runtime_with: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_TEST_KEY", KEY)
    closed = trio.Event()

    async def endless(exchange: Exchange) -> None:
        await exchange.head()
        await exchange.pieces("Once upon a time. ", finish=None)
        await wait_closed(exchange, closed)

    nodes = {
        "turn": "TurnNode",
        "answer": ("LLMNode", {"model": "local", "emit": "sentence", "full_text": False}),
        "speak": "EspeakNode",
    }
    with trio.fail_after(30):
        async with open_endpoint(endless, says("Yes?")) as endpoint:
            pipeline = manifest(
                nodes, ["turn > answer", "answer > speak"], places=dict.fromkeys(nodes, "native")
            )
            async with (
                runtime_with(config_for(endpoint.url)) as runtime,
                runtime.open_session(pipeline) as session,
            ):
                for item in spoken("Tell me a story."):
                    await session.send(item, timestamp_ms=1000)
                assert isinstance((await session.receive()).data, Audio)
                for item in spoken("Stop."):
                    await session.send(item, timestamp_ms=2000)
                await closed.wait()
                await session.close_input()
                rest = [result.data async for result in session]
    places = [place for place, item in enumerate(rest) if isinstance(item, Control)]
    assert len(places) == 1
    assert any(isinstance(item, Audio) for item in rest[places[0] :])
    assert [message["content"] for message in endpoint.requests[1].body["messages"]] == [
        "Tell me a story.",
        "Once upon a time. ",
        "Stop.",
    ]
