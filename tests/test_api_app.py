"""The app as a whole: documentation page, errors, security headers, limits, caches."""

import asyncio
import re
from dataclasses import replace

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.cache import RenderedOnce
from api.encode import unordered
from api.guard import BODY_BYTES_MAX
from core.snapshot import Event
from core.vocabulary import Severity
from tests.support.api import FakeServices, client_of, make_app

API = "/api/v1"
CONTRACT = {
    "/api/v1/status": "get",
    "/api/v1/devices": "get",
    "/api/v1/devices/{device_id}": "get",
    "/api/v1/points": "get",
    "/api/v1/kpis": "get",
    "/api/v1/kpis/pue": "get",
    "/api/v1/kpis/months": "get",
    "/api/v1/redundancy": "get",
    "/api/v1/redundancy/levels": "get",
    "/api/v1/redundancy/what-if": "post",
    "/api/v1/maintenance": "get post",
    "/api/v1/maintenance/{name}": "get delete",
    "/api/v1/alarms": "get",
    "/api/v1/alarms/{alarm_id}/{action}": "post",
    "/api/v1/events": "get",
    "/api/v1/history": "get",
    "/api/v1/stream": "get",
    "/api/v1/demo/scenarios": "get",
    "/api/v1/demo/scenarios/{name}": "post",
    "/health/live": "get",
    "/health/ready": "get",
    "/metrics": "get",
}


@pytest.fixture
async def client():
    async with client_of(FakeServices()) as client:
        yield client


@pytest.fixture
async def document(client):
    return (await client.get("/openapi.json")).json()


# Documentation


def test_every_path_of_the_contract_is_documented_and_no_other(document):
    assert set(document["paths"]) == set(CONTRACT)
    for path, methods in CONTRACT.items():
        assert set(document["paths"][path]) == set(methods.split())


def test_every_error_is_documented_in_the_form_it_has(document):
    assert "HTTPValidationError" not in str(document)


def test_every_route_says_what_it_does_and_shows_an_answer(document):
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            assert len(route["description"]) > 30, (method, path)
            answers = route["responses"]
            good = answers.get("200") or answers.get("201") or answers.get("202")
            if good is None:
                assert "501" in answers
                continue
            (content,) = good["content"].values()
            assert content["example"], (method, path)


async def test_the_documentation_page_needs_no_internet(client):
    """Swagger UI comes from our own machine, and the security policy lets it start."""
    page = await client.get("/docs")
    assert page.status_code == 200
    assert "://" not in page.text
    assert "<script>" not in page.text, "an inline script is forbidden by the policy"
    references = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assets = [each for each in references if each != "data:,"]
    assert len(assets) == 3
    for asset in assets:
        assert asset.startswith("/docs/")
        got = await client.get(asset)
        assert got.status_code == 200
        kind = "css" if asset.endswith("css") else "javascript"
        assert kind in got.headers["content-type"]
    start = (await client.get("/docs/start.js")).text
    assert '"/openapi.json"' in start
    assert "validatorUrl: null" in start, "or the page asks a validator on the internet"
    assert "://" not in start
    assert b"SwaggerUIBundle" in (await client.get("/docs/swagger-ui-bundle.js")).content


async def test_there_is_no_second_documentation_page_from_a_cdn(client):
    assert (await client.get("/redoc")).status_code == 404


# Errors


async def test_an_unknown_address_says_where_the_api_is(client):
    response = await client.get("/admin?token=s3cret")
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"
    assert "/api/v1" in response.json()["error"]["message"]
    assert "s3cret" not in response.text


async def test_a_wrong_method_is_answered_with_the_right_ones(client):
    response = await client.delete(f"{API}/points")
    assert response.status_code == 405
    assert response.headers["allow"] == "GET"
    error = response.json()["error"]
    assert error["code"] == "method_not_allowed"
    assert error["message"] == "This address takes GET, not DELETE."


async def test_a_bug_is_answered_without_its_details():
    services = FakeServices()
    services._snapshot = replace(services._snapshot, redundancy=None)
    transport = httpx.ASGITransport(make_app(services), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://kasbah") as client:
        response = await client.get(f"{API}/redundancy")
    assert response.status_code == 500
    assert response.json()["error"]["code"] == "internal"
    assert "NoneType" not in response.text


# Guard


@pytest.mark.parametrize("path", [f"{API}/status", "/metrics", "/docs", "/nothing", "/health/live"])
async def test_every_answer_carries_the_security_headers(client, path):
    headers = (await client.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("default-src 'self'")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in headers


async def test_versioned_lists_may_be_kept_but_not_used_unasked(client):
    headers = (await client.get(f"{API}/points")).headers
    assert headers["cache-control"] == "private, no-cache"


async def ask(client, content, **headers):
    return await client.post(
        f"{API}/redundancy/what-if",
        content=content,
        headers={"content-type": "application/json"} | headers,
    )


async def test_a_body_beyond_the_limit_is_refused_by_its_length(client):
    response = await ask(client, b" " * (BODY_BYTES_MAX + 1))
    assert response.status_code == 413
    assert "64 KiB" in response.json()["error"]["message"]


async def test_a_body_beyond_the_limit_is_refused_while_it_comes(client):
    async def chunks():
        for _ in range(BODY_BYTES_MAX // 1024 + 1):
            yield b" " * 1024

    response = await ask(client, chunks())
    assert response.status_code == 413


async def test_a_page_of_another_site_may_not_post(client):
    body = b'{"out": []}'
    assert (await ask(client, body, origin="https://evil.example")).status_code == 403
    assert (await ask(client, body, **{"sec-fetch-site": "cross-site"})).status_code == 403
    assert (await ask(client, body, origin="http://kasbah")).status_code == 200
    assert (await ask(client, body)).status_code == 200


# Order of events


def event(seq: int, earliest: float, latest: float) -> Event:
    return Event(seq, "state", "", "", "", "", Severity.OK, "", earliest, latest)


spans = st.tuples(st.integers(0, 12), st.integers(0, 5))


@given(st.lists(spans, max_size=12))
def test_unordered_is_whatever_overlaps_anything(drawn):
    """The single pass says the same as comparing every pair."""
    events = [event(seq, start, start + length) for seq, (start, length) in enumerate(drawn)]

    def ordered(a: Event, b: Event) -> bool:
        same = (a.earliest, a.latest) == (b.earliest, b.latest)
        return not same and (a.latest <= b.earliest or b.latest <= a.earliest)

    flags = unordered(events)
    for one in events:
        expected = any(not ordered(one, other) for other in events if other is not one)
        assert flags[one.seq] == expected, one


# Cache


async def test_clients_who_ask_at_once_share_one_rendering():
    rendered = RenderedOnce()
    calls: list[int] = []

    def render() -> bytes:
        calls.append(1)
        return b"x"

    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(rendered.get("q", 1, render))
    assert len(calls) == 1
    await rendered.get("q", 2, render)
    assert len(calls) == 2


async def test_the_cache_keeps_a_bounded_number_of_answers_and_bytes():
    rendered = RenderedOnce(entries_max=3, bytes_max=100)
    for question in range(10):
        await rendered.get(question, 1, lambda: b"x" * 10)
    assert len(rendered._entries) == 3
    assert await rendered.get("large", 1, lambda: b"x" * 200) == b"x" * 200
    assert len(rendered._entries) == 0


async def test_a_rendering_that_fails_is_tried_again():
    rendered = RenderedOnce()
    with pytest.raises(ZeroDivisionError):
        await rendered.get("q", 1, lambda: bytes(1 // 0))
    assert await rendered.get("q", 1, lambda: b"good") == b"good"
