"""`/maintenance`: announcing what will be out, and what is said of it."""

import pytest

from api import schemas
from core.errors import SinkError
from tests.support.api import FakeServices, client_of

PATH = "/api/v1/maintenance"
NOTICE = {
    "start": "2026-01-31T05:00+01:00",
    "end": "2026-01-31T14:00+01:00",
    "nodes": ["ups-a2"],
    "reason": "WO-1234",
    "announced_by": "night shift",
}


@pytest.fixture
def services():
    return FakeServices()


@pytest.fixture
async def client(services):
    async with client_of(services) as client:
        yield client


async def refused(client, status, **changes):
    """The sentence and code of a notice that is not taken up."""
    response = await client.post(PATH, json=NOTICE | changes)
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert (await client.get(PATH)).json()["maintenance"] == []
    return error["code"], error["message"]


async def test_what_is_announced_is_answered_and_listed(client):
    response = await client.post(PATH, json=NOTICE)
    assert response.status_code == 201
    schemas.MaintenanceOne.model_validate_json(response.content, strict=True)
    told = response.json()
    assert (told["id"], told["state"], told["nodes"]) == ("m-1", "planned", ["ups-a2"])
    assert (told["start"], told["end"]) == ("2026-01-31T04:00:00.000Z", "2026-01-31T13:00:00.000Z")
    assert told["announced"]["verdict"] == "unsafe"
    listed = await client.get(PATH)
    schemas.Maintenance.model_validate_json(listed.content, strict=True)
    assert [one["id"] for one in listed.json()["maintenance"]] == ["m-1"]
    one = (await client.get(f"{PATH}/m-1")).json()
    assert one["announced_by"] == "night shift"


async def test_without_a_start_it_begins_now(client):
    notice = {key: value for key, value in NOTICE.items() if key != "start"}
    told = (await client.post(PATH, json=notice | {"id": "wo-9"})).json()
    assert (told["id"], told["state"], told["start"]) == (
        "wo-9",
        "active",
        "2026-01-31T03:12:00.000Z",
    )


async def test_it_shows_in_the_status(client):
    await client.post(PATH, json=NOTICE)
    status = (await client.get("/api/v1/status")).json()
    assert status["maintenance"] == {"planned": ["m-1"], "active": [], "overdue": [], "worse": []}


async def test_it_is_ended_by_delete_once(client):
    await client.post(PATH, json=NOTICE)
    response = await client.delete(f"{PATH}/m-1")
    assert response.status_code == 200
    assert response.json()["state"] == "cancelled"
    again = await client.delete(f"{PATH}/m-1")
    assert again.status_code == 409
    assert again.json()["error"]["message"] == "'m-1' is over already."


@pytest.mark.parametrize("method", ["get", "delete"])
async def test_one_that_is_nowhere_is_named(client, method):
    response = await getattr(client, method)(f"{PATH}/m-7")
    assert response.status_code == 404
    assert response.json()["error"]["message"] == "There is no maintenance 'm-7'."


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"nodes": ["ups-a9"]}, 404, "'ups-a9' in this site; did you mean 'ups-a"),
        ({"nodes": ["ups"]}, 404, "'ups' is a group: name its members, ups-a1, ups-a2."),
        ({"nodes": []}, 422, "nodes"),
        ({"end": "2026-01-31T14:00"}, 400, "write 2026-01-31T14:00+01:00, or Z for UTC"),
        ({"end": "tomorrow"}, 400, "'tomorrow' is no time"),
        ({"end": "2026-01-31T04:30+01:00"}, 400, "end: is not after the start"),
        ({"start": "2026-01-30T05:00Z", "end": "2026-01-30T06:00Z"}, 400, "end: is over already"),
        ({"end": "2026-12-31T14:00Z"}, 400, "more than 92 days"),
        ({"id": "WO 1"}, 422, "id"),
        ({"until": "x"}, 422, "until"),
    ],
)
async def test_a_mistake_is_told_in_a_sentence(client, changes, status, words):
    _, message = await refused(client, status, **changes)
    assert words in message


async def test_an_id_that_is_taken_is_a_conflict(client):
    await client.post(PATH, json=NOTICE | {"id": "wo-1"})
    response = await client.post(PATH, json=NOTICE | {"id": "wo-1"})
    assert response.status_code == 409
    assert response.json()["error"]["message"] == "there is maintenance 'wo-1' already."


async def test_a_disk_that_does_not_keep_it_is_told(client, services):
    async def broken(_):
        raise SinkError("the disk does not keep it")

    services.announce = broken
    response = await client.post(PATH, json=NOTICE)
    assert response.status_code == 503
    assert "disk" in response.json()["error"]["message"]


async def test_a_page_of_another_site_cannot_announce(client):
    response = await client.post(PATH, json=NOTICE, headers={"Origin": "http://evil.example"})
    assert response.status_code == 403
