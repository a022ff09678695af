"""Only a person who has signed in gets anything of the console."""

import re
import time
from pathlib import Path

import pytest
import trio

from runtime import Runtime
from runtime.config import Http, RuntimeConfig
from runtime.console import open_console
from runtime.http import HttpServer, Tokens
from tests.conftest import OpenRuntime
from tests.console.serving import TOKEN, console_port
from tests.http.serving import Reply, connect, get, next_bytes, sent, upgrade

CLOSED = [
    "/console/",
    "/console/assets/app.js",
    "/console/assets/index.html",
    "/console/recordings",
    "/console/recordings/a.mcap",
]


def host(server: HttpServer) -> str:
    return str(server.address)


async def post(server: HttpServer, path: str, body: str, *lines: str) -> Reply:
    request = "\r\n".join(
        [
            f"POST {path} HTTP/1.1",
            f"Host: {host(server)}",
            "Connection: close",
            "Content-Type: application/x-www-form-urlencoded",
            f"Content-Length: {len(body)}",
            *lines,
            "",
            body,
        ]
    )
    received = await sent(server, request.encode())
    head, _, rest = received.partition(b"\r\n\r\n")
    first, *others = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (r.partition(": ") for r in others)}
    return Reply(int(first.split()[1]), headers, rest)


async def cookie_of(server: HttpServer, token: str = TOKEN) -> str:
    origin = f"Origin: http://{host(server)}"
    reply = await post(server, "/console/login", f"token={token}", origin)
    assert reply.status == 303
    return reply.headers["set-cookie"]


async def fetched(server: HttpServer, path: str, cookie: str = "", *lines: str) -> Reply:
    headers = [f"Cookie: {cookie.partition(';')[0]}", *lines] if cookie else list(lines)
    return await get(server, path, *headers, token=None)


async def test_nothing_but_the_form_answers_without_signing_in(runtime: Runtime) -> None:
    async with console_port(runtime) as (server, _):
        for path in CLOSED:
            reply = await fetched(server, path)
            assert reply.status in (303, 401), path
            assert not reply.body or b"/console/login" in reply.body
        assert (await fetched(server, "/console/login")).status == 200
        assert (await fetched(server, "/console/assets/console.css")).status == 200
        assert (await sent(server, websocket(server))).startswith(b"HTTP/1.1 403")


async def test_signing_in_sets_a_cookie_that_no_script_and_no_other_site_gets(
    runtime: Runtime,
) -> None:
    async with console_port(runtime) as (server, _):
        cookie = await cookie_of(server)
        assert {"HttpOnly", "SameSite=strict", "Path=/console/"} <= set(cookie.split("; "))
        assert TOKEN not in cookie
        assert (await fetched(server, "/console/", cookie)).status == 200
        assert (await fetched(server, "/metrics", cookie)).status == 401


@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x", "x" * 100_000])
async def test_a_wrong_token_gives_no_cookie(runtime: Runtime, token: str) -> None:
    async with console_port(runtime) as (server, _):
        origin = f"Origin: http://{host(server)}"
        reply = await post(server, "/console/login", f"token={token}", origin)
        assert reply.status == 401
        assert "set-cookie" not in reply.headers


@pytest.mark.parametrize(
    "origin", [None, "null", "http://other.example", "http://127.0.0.1:1", "http://[", "http://[x]"]
)
async def test_a_page_of_another_site_cannot_sign_in_sign_out_or_watch(
    runtime: Runtime, origin: str | None
) -> None:
    async with console_port(runtime) as (server, _):
        cookie = await cookie_of(server)
        lines = [f"Cookie: {cookie.partition(';')[0]}"]
        lines += [f"Origin: {origin}"] if origin else []
        for path in ("/console/login", "/console/logout"):
            reply = await post(server, path, f"token={TOKEN}", *lines)
            assert reply.status == 403
            assert "set-cookie" not in reply.headers
        request = upgrade("/console/live", *lines, token=None)
        assert (await sent(server, request)).startswith(b"HTTP/1.1 403")


def forged_cookies(port: int) -> list[str]:
    later, before = str(round(time.time()) + 1000), str(round(time.time()) - 1000)
    text = "millrace console until "
    good = Tokens([TOKEN])
    other = Tokens(["other"])
    name = f"millrace-console-{port}"
    return [
        f"{name}={later}.{'0' * 64}",
        f"{name}={later}.",
        f"{name}={later}",
        f"{name}=.{good.signature(TOKEN, text)}",
        f"{name}={before}.{good.signature(TOKEN, text + before)}",
        f"{name}=9{later}.{good.signature(TOKEN, text + later)}",
        f"{name}={later}.{other.signature('other', text + later)}",
        f"{name}={TOKEN}",
        f"other={later}.{good.signature(TOKEN, text + later)}",
    ]


async def test_a_forged_or_old_cookie_counts_for_nothing(runtime: Runtime) -> None:
    async with console_port(runtime) as (server, _):
        for cookie in forged_cookies(server.address.port):
            assert (await fetched(server, "/console/recordings", cookie)).status == 401, cookie


async def test_a_cookie_ends_with_the_token_that_it_was_given_for(runtime: Runtime) -> None:
    async with console_port(runtime, tokens=f"{TOKEN},other") as (server, _):
        cookie = await cookie_of(server)
        address = host(server)
        assert (await fetched(server, "/console/", cookie)).status == 200
    async with console_port(runtime, tokens="other", address=address) as (server, _):
        assert (await fetched(server, "/console/recordings", cookie)).status == 401


async def test_every_answer_has_the_headers_that_restrict_a_page(runtime: Runtime) -> None:
    async with console_port(runtime) as (server, _):
        cookie = await cookie_of(server)
        for path in ("/console/", "/console/login", "/console/nothing", *CLOSED):
            headers = (await fetched(server, path, cookie)).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "same-origin"
            assert headers["cache-control"] == "no-store"


async def test_pages_have_no_script_and_no_style_of_their_own(runtime: Runtime) -> None:
    async with console_port(runtime) as (server, _):
        cookie = await cookie_of(server)
        for path in ("/console/", "/console/login"):
            text = (await fetched(server, path, cookie)).text
            assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", text)
            assert "//" not in re.sub(r"<!doctype.*?>", "", text)


async def test_the_console_is_off_unless_it_is_turned_on(runtime: Runtime) -> None:
    async with console_port(runtime, console=False) as (server, console):
        assert console is None
        assert not server.pages
        for path in ("/console/", "/console/login", "/"):
            assert (await fetched(server, path)).status == 401
    http = Http(enabled=False, console=True)
    async with open_console(runtime, http, environment={}) as console:
        assert console is None


async def test_without_tokens_nobody_can_sign_in(runtime: Runtime) -> None:
    async with console_port(runtime, tokens="") as (server, _):
        assert (await fetched(server, "/console/login")).status == 403
        origin = f"Origin: http://{host(server)}"
        assert (await post(server, "/console/login", "token=", origin)).status == 401


async def test_recordings_are_those_of_the_folder_and_nothing_else(
    runtime_with: OpenRuntime, tmp_path: Path
) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    (tmp_path / "secret.mcap").write_text("secret")
    (folder / "a session.mcap").write_bytes(bytes(range(256)) * 4000)
    (folder / "notes.txt").write_text("secret")
    (folder / "link.mcap").symlink_to(tmp_path / "secret.mcap")
    config = RuntimeConfig.model_validate({"recording": {"folder": str(folder)}})
    async with runtime_with(config) as runtime, console_port(runtime) as (server, _):
        cookie = await cookie_of(server)
        listed = (await fetched(server, "/console/recordings", cookie)).text
        assert '"a session.mcap"' in listed
        assert "notes" not in listed
        assert "link" not in listed
        found = await fetched(server, "/console/recordings/a%20session.mcap", cookie)
        assert found.body == bytes(range(256)) * 4000
        assert found.headers["content-disposition"].startswith("attachment")
        names = [
            "../secret.mcap",
            "..%2fsecret.mcap",
            "%2e%2e/secret.mcap",
            "link.mcap",
            "notes.txt",
        ]
        for name in names:
            reply = await fetched(server, f"/console/recordings/{name}", cookie)
            assert reply.status == 404, name


def websocket(server: HttpServer, cookie: str = "") -> bytes:
    lines = ["Origin: http://x"]
    if cookie:
        lines.append(f"Cookie: {cookie.partition(';')[0]}")
    return upgrade("/console/live", *lines, token=None)


def text_frame(text: str) -> bytes:
    """Return a masked frame, as a browser sends it."""
    data = text.encode()
    assert len(data) < 65536
    length = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2)
    return b"\x81" + length + bytes(4) + data


async def opened(server: HttpServer, cookie: str) -> trio.SocketStream:
    stream = await connect(server)
    await stream.send_all(websocket(server, cookie))
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += bytes(await stream.receive_some(1))
    assert head.startswith(b"HTTP/1.1 101"), head
    return stream


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"session": 1}', '{"other": ""}', '{"session": "' + "x" * 5000 + '"}']
)
async def test_a_request_that_is_not_valid_ends_its_connection_only(
    runtime: Runtime, text: str
) -> None:
    async with console_port(runtime) as (server, _):
        cookie = await cookie_of(server)
        async with await opened(server, cookie) as stream, await opened(server, cookie) as other:
            await stream.send_all(text_frame(text))
            closed = await next_bytes(stream)
            assert closed[:1] == b"\x88"
            assert int.from_bytes(closed[2:4]) == 1008
            await other.send_all(text_frame("{}"))
            assert b'"type":"sessions"' in await next_bytes(other)


async def test_only_so_many_pages_are_open_at_once(runtime: Runtime) -> None:
    async with console_port(runtime, max_connections=200) as (server, _):
        cookie = await cookie_of(server)
        streams = [await opened(server, cookie) for _ in range(32)]
        one_more = await opened(server, cookie)
        with trio.fail_after(20):
            closed = await next_bytes(one_more)
        assert int.from_bytes(closed[2:4]) == 1013
        await streams.pop().aclose()
        for stream in [*streams, one_more]:
            await stream.aclose()


async def test_a_browser_that_does_not_read_is_dropped(runtime: Runtime) -> None:
    async with console_port(runtime, request_timeout_secs=0.5) as (server, console):
        cookie = await cookie_of(server)
        assert console is not None
        async with await opened(server, cookie) as stream:
            await stream.send_all(text_frame("{}"))
            await next_bytes(stream)
            with console.state.feeds.watched() as feed:
                assert feed.watchers == 2
                # More than its socket takes. What comes after it waits nowhere.
                feed.put("x" * 50_000_000)
                with trio.fail_after(20):
                    while feed.watchers > 1:
                        await feed.wait_after(feed.number)
