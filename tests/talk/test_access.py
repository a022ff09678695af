"""Who may talk, and from where."""

from typing import Any

import pytest

from runtime import ConfigError
from runtime.http import HttpServer
from runtime.talk import open_talk
from tests.conftest import OpenRuntime
from tests.http.serving import Reply, get
from tests.talk.client import RefusedError, bearer, talking
from tests.talk.serving import TOKEN, config, talk_port
from tests.talk.specimens import of_one

ECHO = {"echo": of_one("PassThrough")}
PROTOCOL = "millrace.talk.v1"
SITE = "https://app.example"


async def post(server: HttpServer, path: str, body: str, *lines: str) -> Reply:
    """Send a form as a page of this port does."""
    own = f"Origin: http://{server.address}"
    host = str(server.address)
    return await get(server, path, own, *lines, method="POST", token=None, host=host, body=body)


async def refusal(server: HttpServer, *headers: tuple[str, str], **options: Any) -> int:
    with pytest.raises(RefusedError) as caught:
        async with talking(server, "echo", *headers, **options):
            pass
    return int(caught.value.args[0])


async def test_the_page_is_off_until_the_operator_turns_it_on(runtime_with: OpenRuntime) -> None:
    async with (
        runtime_with(config(talk=False)) as runtime,
        open_talk(runtime, pipelines=ECHO, environment={}) as talk,
    ):
        assert talk is None


async def test_without_tokens_anybody_on_this_machine_may_talk(runtime_with: OpenRuntime) -> None:
    async with talk_port(runtime_with, ECHO) as (server, _, _):
        host = str(server.address)
        assert (await get(server, "/talk/", token=None, host=host)).status == 200
        async with talking(server) as client:
            await client.next("ready")


async def test_without_tokens_no_other_name_leads_to_the_page(runtime_with: OpenRuntime) -> None:
    async with talk_port(runtime_with, ECHO) as (server, _, _):
        name = f"evil.example:{server.address.port}"
        for path in ("/talk/", "/talk/pipelines", "/talk/assets/app.js"):
            reply = await get(server, path, token=None, host=name)
            assert reply.status in (401, 403), path
        assert await refusal(server, ("Origin", f"http://{name}"), host=name) == 403
        assert await refusal(server, host=name) == 403


async def test_without_tokens_the_page_is_not_served_to_a_network(
    runtime_with: OpenRuntime,
) -> None:
    with pytest.raises(ConfigError, match="anybody who reaches 0.0.0.0:0 could talk"):
        async with talk_port(runtime_with, ECHO, bind_address="0.0.0.0:0"):
            pass


async def test_a_token_is_needed_where_grpc_needs_one(runtime_with: OpenRuntime) -> None:
    async with talk_port(runtime_with, ECHO, tokens=f"alice: {TOKEN}") as (server, _, runtime):
        assert (await get(server, "/talk/", token=None)).headers["location"] == "/talk/login"
        for path in ("/talk/pipelines", "/talk/assets/app.js", "/talk/assets/client.js"):
            assert (await get(server, path, token=None)).status == 401, path
        assert (await get(server, "/talk/login", token=None)).status == 200
        assert (await get(server, "/talk/assets/talk.css", token=None)).status == 200
        assert await refusal(server) == 403
        assert await refusal(server, token="wrong") == 403
        assert await refusal(server, subprotocols=(PROTOCOL, bearer("wrong"))) == 403
        assert await refusal(server, subprotocols=(PROTOCOL, "bearer.%%%")) == 403
        ways: list[dict[str, Any]] = [{"token": TOKEN}, {"subprotocols": (PROTOCOL, bearer(TOKEN))}]
        for options in ways:
            async with talking(server, **options) as client:
                ready = await client.next("ready")
                assert runtime.sessions[ready["session"]].token_name == "alice"
                assert client.subprotocol == (PROTOCOL if "subprotocols" in options else None)


async def test_a_page_of_another_site_needs_the_operators_permission_and_a_token(
    runtime_with: OpenRuntime,
) -> None:
    sites = (SITE,)
    async with talk_port(runtime_with, ECHO, tokens=TOKEN, talk_origins=sites) as (server, _, _):
        cookie = ("Cookie", await cookie_of(server))
        other = ("Origin", "https://evil.example")
        assert await refusal(server, other, cookie) == 403
        assert await refusal(server, other, token=TOKEN) == 403
        for origin in ("null", "http://[", "http://[bad]"):
            assert await refusal(server, ("Origin", origin), cookie) == 403
        # A cookie without an origin is no page's.
        assert await refusal(server, cookie) == 403
        assert await refusal(server, ("Origin", SITE), cookie) == 403
        async with talking(server, "echo", ("Origin", SITE), token=TOKEN) as client:
            await client.next("ready")
        same = ("Origin", f"http://{server.address}")
        async with talking(server, "echo", same, cookie) as client:
            await client.next("ready")


async def test_a_person_signs_in_and_out_with_a_cookie_of_this_page(
    runtime_with: OpenRuntime,
) -> None:
    async with talk_port(runtime_with, ECHO, tokens=TOKEN) as (server, _, _):
        assert (await post(server, "/talk/login", "token=wrong")).status == 401
        reply = await post(server, "/talk/login", f"token={TOKEN}")
        cookie = reply.headers["set-cookie"]
        assert {"HttpOnly", "SameSite=strict", "Path=/talk/"} <= set(cookie.split("; "))
        assert TOKEN not in cookie
        signed = f"Cookie: {cookie.partition(';')[0]}"
        listed = (await get(server, "/talk/pipelines", signed, token=None)).text
        assert '"name":"echo"' in listed
        out = await post(server, "/talk/logout", "")
        assert "Max-Age=0" in out.headers["set-cookie"]


async def test_the_page_may_record_and_runs_its_own_scripts_only(
    runtime_with: OpenRuntime,
) -> None:
    async with talk_port(runtime_with, ECHO) as (server, _, _):
        page = await get(server, "/talk/", token=None, host=str(server.address))
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "microphone=(self)" in page.headers["permissions-policy"]
        assert page.headers["cache-control"] == "no-store"
        assert "<script>" not in page.text
        assert (await get(server, "/", token=None)).headers["location"] == "/talk/"
        assert (await get(server, "/metrics", token=None)).status == 403


async def cookie_of(server: HttpServer) -> str:
    reply = await post(server, "/talk/login", f"token={TOKEN}")
    assert reply.status == 303
    return reply.headers["set-cookie"].partition(";")[0]
