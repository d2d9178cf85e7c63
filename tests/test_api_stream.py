"""The event stream on a real socket: what it carries, and that it ends when it should."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from api import schemas, stream
from api.app import end_streams
from core.quality import Quality
from core.snapshot import Snapshot
from tests.support.api import NOW, FakeServices, make_app, make_snapshot, served


@pytest.fixture
def services():
    return FakeServices()


@pytest.fixture
async def app(services):
    return make_app(services)


@pytest.fixture
async def url(app):
    async with served(app) as url:
        yield url


@contextlib.asynccontextmanager
async def streaming(url: str) -> AsyncIterator[AsyncIterator[dict]]:
    """Events of one client, decoded."""
    async with (
        httpx.AsyncClient(timeout=10) as client,
        client.stream("GET", f"{url}/api/v1/stream") as response,
    ):
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        yield events(response)


async def events(response: httpx.Response) -> AsyncIterator[dict]:
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        if line.startswith(":"):
            yield {"comment": line}
        elif line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            assert fields["event"] == "snapshot"
            data = json.loads(fields["data"])
            assert int(fields["id"]) == data["version"]
            schemas.StreamEvent.model_validate_json(fields["data"], strict=True)
            yield data
            fields = {}


def changed(snapshot: Snapshot, version: int, **values: float) -> Snapshot:
    """The next snapshot with some values changed, by point."""
    view = snapshot.points
    value = view.value.copy()
    for point, new in values.items():
        value[view.row[point]] = new
    return replace(snapshot, version=version, time=NOW + version, points=replace(view, value=value))


async def test_the_first_event_carries_everything(services, url):
    async with streaming(url) as stream_:
        first = await anext(stream_)
    assert first["full"] is True
    assert first["version"] == 7
    assert len(first["kpis"]) == len(services.snapshot().kpis)
    assert {state["id"] for state in first["states"]} == {
        "ups-a1/mode", "ups-a1/battery.state", "ups-a1/alarm.overload", "ups-a2/mode",
        "gen-1/engine.state", "crah-1/fan.state",
    }  # fmt: skip
    assert first["devices"]["down_ids"] == ["crah-1"]
    assert first["events"] == []


async def test_later_events_carry_what_changed_since(services, url):
    snapshot = services.snapshot()
    async with streaming(url) as stream_:
        await anext(stream_)
        await services.publish(
            changed(snapshot, 8, **{"ups-a1/mode": 3, "ups-a1/battery.charge": 0.5})
        )
        second = await anext(stream_)
        kpis = (replace(snapshot.kpis[0], value=1.0), *snapshot.kpis[1:])
        happened = replace(snapshot.events[-1], seq=5)
        nine = changed(snapshot, 9, **{"ups-a1/mode": 3, "ups-a1/battery.charge": 0.5})
        await services.publish(replace(nine, kpis=kpis, events=(*snapshot.events, happened)))
        third = await anext(stream_)
    assert second["full"] is False
    assert [(state["id"], state["value"]) for state in second["states"]] == [
        ("ups-a1/mode", "on_battery")
    ]
    assert (second["kpis"], second["events"]) == ([], [])
    assert third["states"] == []
    assert [(kpi["id"], kpi["value"]) for kpi in third["kpis"]] == [("facility_power", 1.0)]
    assert [event["seq"] for event in third["events"]] == [5]


async def test_a_state_that_becomes_bad_is_a_change(services, url):
    snapshot = services.snapshot()
    view = snapshot.points
    quality = view.quality.copy()
    quality[view.row["ups-a1/mode"]] = Quality.HELD
    async with streaming(url) as stream_:
        await anext(stream_)
        held = replace(snapshot, version=8, points=replace(view, quality=quality))
        await services.publish(held)
        (state,) = (await anext(stream_))["states"]
    assert (state["value"], state["quality"], state["reason"]) == ("online", "uncertain", "held")


async def test_points_that_appear_are_a_change(services, url):
    full = services.snapshot()
    view = full.points
    few = replace(
        view, points=view.points[:5], value=view.value[:5], time=view.time[:5],
        quality=view.quality[:5], severity=view.severity[:5],
    )  # fmt: skip
    await services.publish(replace(full, version=8, points=few))
    async with streaming(url) as stream_:
        assert (await anext(stream_))["states"] == []
        await services.publish(replace(full, version=9))
        assert len((await anext(stream_))["states"]) == 6


async def test_an_event_is_rendered_once_for_all_clients(services, app, url, monkeypatch):
    rendered: list[int] = []
    render = stream.Streams._event

    def counted(self, before, after):
        rendered.append(after.version)
        return render(self, before, after)

    monkeypatch.setattr(stream.Streams, "_event", counted)
    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(streaming(url)) for _ in range(8)]
        for client in clients:
            await anext(client)
        await services.publish(changed(services.snapshot(), 8, **{"ups-a1/mode": 3}))
        answers = [await anext(client) for client in clients]
    assert {json.dumps(answer) for answer in answers} == {json.dumps(answers[0])}
    assert sorted(rendered) == [7, 8]


async def test_a_client_that_reads_slowly_gets_the_newest_and_misses_no_change(services, url):
    """Two ticks pass while it waits for the first: the one event it gets has both changes."""
    app_streams = stream.Streams(services, make_app(services).state.context.columns)
    follow = app_streams.follow()
    assert json.loads(data_of(await anext(follow)))["full"]
    snapshot = services.snapshot()
    await services.publish(changed(snapshot, 8, **{"ups-a1/mode": 3}))
    await services.publish(changed(snapshot, 9, **{"ups-a1/mode": 3, "ups-a1/alarm.overload": 2}))
    data = json.loads(data_of(await anext(follow)))
    assert data["version"] == 9
    assert [state["id"] for state in data["states"]] == ["ups-a1/mode", "ups-a1/alarm.overload"]
    await follow.aclose()


def data_of(event: bytes) -> str:
    return event.decode().split("data: ", 1)[1]


async def test_a_quiet_stream_sends_comments(url, monkeypatch):
    monkeypatch.setattr(stream, "HEARTBEAT_S", 0.05)
    async with streaming(url) as stream_:
        await anext(stream_)
        assert "comment" in await anext(stream_)
        assert "comment" in await anext(stream_)


async def test_a_client_that_leaves_is_forgotten(app, url):
    streams = app.state.context.streams
    async with streaming(url) as stream_:
        await anext(stream_)
        assert streams.open == 1
    async with asyncio.timeout(5):
        while streams.open:
            await asyncio.sleep(0.01)


async def test_a_client_that_never_reads_is_dropped(services, app, url, monkeypatch):
    """Its events would pile up in buffers for ever otherwise."""
    monkeypatch.setattr(stream, "TAKEN_WITHIN_S", 0.2)
    monkeypatch.setattr(
        stream.Streams, "_event", lambda self, before, after: b": " + b"x" * 2**22 + b"\n\n"
    )
    streams = app.state.context.streams
    host, port = url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port), limit=1024)
    writer.write(b"GET /api/v1/stream HTTP/1.1\r\nHost: kasbah\r\n\r\n")
    async with asyncio.timeout(10):
        while not streams.open:
            await asyncio.sleep(0.01)
        version = 8
        while streams.open:
            await services.publish(make_snapshot(version))
            version += 1
            await asyncio.sleep(0.05)
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def test_there_is_a_limit_to_clients(url, monkeypatch):
    monkeypatch.setattr(stream, "CLIENTS_MAX", 1)
    async with streaming(url) as stream_:
        await anext(stream_)
        async with httpx.AsyncClient() as client:
            response = await client.get(f"{url}/api/v1/stream")
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "too_many_streams"


async def test_open_streams_end_when_the_service_stops(services):
    """Uvicorn waits for open requests: a stream that does not end holds up the whole stop."""
    app = make_app(services)
    ended: list[bool] = []

    async def read(url: str, started: asyncio.Event) -> None:
        async with streaming(url) as stream_:
            await anext(stream_)
            started.set()
            async for _ in stream_:
                pass
            ended.append(True)

    async with asyncio.TaskGroup() as group:
        async with served(app) as url:
            started = asyncio.Event()
            group.create_task(read(url, started))
            await started.wait()
            stopping = time.monotonic()
        group.create_task(asyncio.sleep(0))
    assert ended == [True], "ended in good order, not cut off"
    assert time.monotonic() - stopping < 2


async def test_a_stream_opened_while_stopping_ends_at_once(app, url):
    end_streams(app)
    async with asyncio.timeout(5), streaming(url) as stream_:
        assert len([event async for event in stream_]) <= 1
