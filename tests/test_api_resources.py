"""What each resource answers: shapes, values, and requests that are wrong."""

import json
import re
from dataclasses import replace

import pytest

from api import schemas, statements
from api.examples import EXAMPLES
from core.errors import SinkError
from core.metering import Carbon
from core.quality import Quality
from core.snapshot import Nameplate, Snapshot
from core.vocabulary import STATES
from tests.support.api import (
    NOW,
    FakeHistory,
    FakeServices,
    client_of,
    make_devices,
    make_snapshot,
)

API = "/api/v1"
MODELS = {
    f"{API}/status": schemas.Status,
    f"{API}/devices": schemas.Devices,
    f"{API}/devices/ups-a1": schemas.DeviceWithPoints,
    f"{API}/devices/pv-1": schemas.DeviceWithPoints,
    f"{API}/points": schemas.Points,
    f"{API}/points?format=columns": schemas.PointColumns,
    f"{API}/kpis": schemas.Kpis,
    f"{API}/kpis/pue": statements.Audit,
    f"{API}/kpis/pue?window=1h": statements.Audit,
    f"{API}/kpis/pue?window=2026-01": statements.Audit,
    f"{API}/kpis/months": statements.Months,
    f"{API}/redundancy": schemas.Redundancy,
    f"{API}/alarms": schemas.Alarms,
    f"{API}/maintenance": schemas.Maintenance,
    f"{API}/events": schemas.Events,
    f"{API}/history?point=ups-a1/output.active_power": schemas.History,
    f"{API}/history?point=ups-a1/mode": schemas.History,
    f"{API}/demo/scenarios": schemas.Scenarios,
    "/health/live": schemas.Live,
    "/health/ready": schemas.Ready,
}


@pytest.fixture
def services():
    return FakeServices()


@pytest.fixture
async def client(services):
    async with client_of(services) as client:
        yield client


def sentence(response) -> str:
    """The message of an error in the one form that all have."""
    body = response.json()
    assert list(body) == ["error"]
    schemas.ErrorBody.model_validate(body)
    message = body["error"]["message"]
    assert re.match(r"[A-Z'a-z].{8,}", message)
    return message


@pytest.mark.parametrize("path", MODELS)
async def test_answers_are_what_the_documentation_says(client, path):
    """Unknown keys, missing keys and NaN are errors here."""
    response = await client.get(path)
    assert response.status_code == 200
    assert "NaN" not in response.text
    MODELS[path].model_validate_json(response.content, strict=True)


@pytest.mark.parametrize("path", MODELS)
async def test_answers_pass_the_json_schema_of_the_openapi_document(client, path):
    import jsonschema

    document = (await client.get("/openapi.json")).json()
    name = MODELS[path].__name__
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    jsonschema.validate((await client.get(path)).json(), schema)


async def test_lists_carry_version_and_time_of_the_snapshot(client):
    for resource in ("points", "devices", "kpis", "alarms", "events", "redundancy", "status"):
        body = (await client.get(f"{API}/{resource}")).json()
        assert (body["version"], body["time"]) == (7, "2026-01-31T03:12:00.000Z"), resource


# Status


async def test_status_says_what_an_operator_asks_first(services, client):
    services.clock.turn(3.25)
    body = (await client.get(f"{API}/status")).json()
    assert body["site"] == {
        "id": "orange-tech",
        "name": 'Orange Tech "Nouaceur"',
        "timezone": "Africa/Casablanca",
    }
    assert body["supply"] == "mains"
    assert body["age_s"] == 3.25
    assert body["ready"] is True
    assert body["alarms"] == {"critical": 1, "warning": 1, "unknown": 0, "total": 2}
    assert body["redundancy"]["headline"] == "reduced: the generators have no spare unit"
    assert body["redundancy"]["reasons"] == ["gen-1 is the only generator"]
    assert {"facility_power", "it_power", "pue"} <= {kpi["id"] for kpi in body["kpis"]}


async def test_a_device_is_up_down_waiting_or_retired(client):
    body = (await client.get(f"{API}/status")).json()
    assert body["devices"] == {
        "total": 6, "up": 4, "down": 1, "waiting": 1, "down_ids": ["crah-1"],
    }  # fmt: skip
    devices = (await client.get(f"{API}/devices")).json()["devices"]
    states = {device["id"]: device["status"] for device in devices}
    assert states["ups-old"] == "retired"
    assert states["pv-1"] == "waiting"
    assert states["crah-1"] == "down"
    assert states["ups-a1"] == "up"


# Devices


async def test_a_device_says_what_it_is_and_how_its_polling_goes(client):
    body = (await client.get(f"{API}/devices/ups-a1")).json()
    device = body["device"]
    assert device["nameplate"] == {
        "vendor": "Maker", "model": "Model of ups-a1", "serial": "SN-1", "firmware": "1.2.3",
    }  # fmt: skip
    assert device["poll"]["polls"] == 120
    assert device["last_success"] == "2026-01-31T03:11:58.000Z"
    assert device["external_ids"] == {"cmdb": "CI-0042"}
    assert device["profile"] == "rfc1628-ups"
    assert [point["device"] for point in body["points"]] == ["ups-a1"] * 9
    ups_a2 = (await client.get(f"{API}/devices/ups-a2")).json()["device"]
    assert ups_a2["profile"] == "rfc1628-ups", "from the site file until the device is identified"


@pytest.mark.parametrize("path", ["/devices", "/devices/ups-a1", "/points?device=ups-a1"])
async def test_no_secret_of_an_address_is_shown(client, path):
    text = (await client.get(API + path)).text
    assert "s3cret" not in text
    assert "reader" not in text


async def test_addresses_keep_what_finds_the_device(client):
    devices = (await client.get(f"{API}/devices")).json()["devices"]
    addresses = {device["id"]: device["address"] for device in devices}
    assert addresses["ups-a1"] == "snmp://10.10.1.11:161"
    assert addresses["meter-mv-a"] == "modbus://10.10.3.1:502/1"
    assert addresses["gen-1"] == "modbus+rtu:///dev/ttyS0?baud=9600/1"


async def test_an_unknown_device_is_named(client):
    for path in ("/devices/ups-x", "/points?device=ups-x"):
        response = await client.get(API + path)
        assert response.status_code == 404
        assert "'ups-x'" in sentence(response)


# Points


async def points(client, query: str) -> list[dict]:
    return (await client.get(f"{API}/points?{query}")).json()["points"]


async def test_filters_narrow_the_points(client):
    ids = [point["id"] for point in await points(client, "device=ups-a1&quantity=active_power")]
    assert ids == [
        "ups-a1/output.active_power",
        "ups-a1/output.active_power.l1",
        "ups-a1/output.active_power.l2",
        "ups-a1/output.active_power.l3",
    ]
    assert [p["instance"] for p in await points(client, "instance=l2")] == ["l2", "l2"]
    assert {p["device"] for p in await points(client, "class=ups")} == {"ups-a1", "ups-a2"}
    assert {p["part"] for p in await points(client, "part=battery")} == {"battery"}
    assert await points(client, "class=chiller") == []


async def test_a_filter_takes_several_words(client):
    with_commas = await points(client, "device=ups-a1,gen-1&quantity=mode,level")
    repeated = await points(client, "device=ups-a1&device=gen-1&quantity=mode&quantity=level")
    assert [point["id"] for point in with_commas] == ["ups-a1/mode", "gen-1/fuel.level"]
    assert with_commas == repeated


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("class=upss", 400, "There is no class 'upss'"),
        ("class=upss", 400, "battery, branch_circuit"),
        ("quantity=power", 400, "active_power"),
        ("part=otuput", 400, "output"),
        ("devcie=ups-a1", 422, "devcie"),
        ("format=xml", 422, "format"),
    ],
)
async def test_a_typing_error_does_not_look_like_no_data(client, query, status, said):
    response = await client.get(f"{API}/points?{query}")
    assert response.status_code == status
    assert said in sentence(response)


@pytest.mark.parametrize("path", ["/alarms", "/devices", "/kpis", "/redundancy", "/status"])
async def test_a_list_that_has_one_form_is_given_in_it_whichever_is_asked_for(client, path):
    asked = await client.get(f"{API}{path}?format=columns")
    assert asked.status_code == 200
    assert asked.json().keys() == (await client.get(f"{API}{path}")).json().keys()


@pytest.mark.parametrize("path", ["/alarms?severity=critical", "/devices?class=ups", "/kpis?x=1"])
async def test_a_parameter_where_none_is_taken_does_not_look_like_a_filter(client, path):
    response = await client.get(f"{API}{path}")
    assert response.status_code == 400
    name = path.partition("?")[2].partition("=")[0]
    said = response.json()["error"]["message"]
    assert said == f"{name}: this address takes no parameters."


async def test_a_number_has_its_unit_and_a_state_its_name_and_code(client):
    number, state = await points(client, "device=ups-a2&quantity=temperature,mode&format=rows")
    if number["id"] != "ups-a2/battery.temperature":
        number, state = state, number
    assert (number["value"], number["unit"], number["code"]) == (24.0, "degC", None)
    assert (state["value"], state["unit"], state["code"]) == ("on_battery", None, 3)
    assert state["severity"] == "warning"


async def test_a_bad_reading_is_null_with_its_reason(client):
    (bad,) = await points(client, "device=ups-a2&quantity=active_power")
    assert (bad["value"], bad["quality"], bad["reason"]) == (None, "bad", "out of range")
    silent_state = (await points(client, "device=crah-1&quantity=state"))[0]
    assert (silent_state["value"], silent_state["code"]) == (None, None)
    (waiting,) = await points(client, "device=pv-1")
    assert (waiting["time"], waiting["age_s"], waiting["reason"]) == (None, None, "waiting")


async def test_an_uncertain_reading_keeps_its_value_and_says_why(client):
    (held,) = await points(client, "quantity=runtime")
    assert (held["value"], held["quality"], held["reason"]) == (720.0, "uncertain", "held")
    assert held["age_s"] == 14.5


async def test_columns_are_the_rows_turned(client):
    rows = await points(client, "")
    columns = (await client.get(f"{API}/points?format=columns")).json()["columns"]
    turned = [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]
    assert turned == [{key: row[key] for key in row if key != "id"} for row in rows]


# Versions


@pytest.mark.parametrize("resource", ["points", "devices", "kpis", "alarms", "redundancy"])
async def test_who_has_this_version_gets_304(services, client, resource):
    first = await client.get(f"{API}/{resource}")
    tag = first.headers["etag"]
    again = await client.get(f"{API}/{resource}", headers={"If-None-Match": f'"other", W/{tag}'})
    assert (again.status_code, again.content) == (304, b"")
    await services.publish(make_snapshot(8, NOW + 1))
    newer = await client.get(f"{API}/{resource}", headers={"If-None-Match": tag})
    assert newer.status_code == 200
    assert newer.json()["version"] == 8
    assert newer.headers["etag"] != tag


async def test_a_restart_is_a_new_version_though_the_number_is_the_same(services, client):
    tag = (await client.get(f"{API}/points")).headers["etag"]
    await services.publish(make_snapshot(7, NOW + 60))
    again = await client.get(f"{API}/points", headers={"If-None-Match": tag})
    assert again.status_code == 200
    assert again.json()["time"] == "2026-01-31T03:13:00.000Z"


# KPIs and redundancy


async def test_a_pue_says_category_window_span_coverage_and_quality(client):
    kpis = (await client.get(f"{API}/kpis")).json()["kpis"]
    young = next(kpi for kpi in kpis if kpi["id"] == "pue" and kpi["window"] == "1h")
    assert young["value"] == 1.41
    assert (young["category"], young["span_s"], young["coverage"]) == (1, 1234.5, 1.0)
    assert (young["quality"], young["reason"]) == ("uncertain", "1234 s of 1 h")
    unknown = next(kpi for kpi in kpis if kpi["category"] == 2)
    assert (unknown["value"], unknown["quality"]) == (None, "bad")


async def test_redundancy_has_groups_loads_and_single_failures(client):
    body = (await client.get(f"{API}/redundancy")).json()
    assert body["groups"][0]["status"] == "full"
    assert body["groups"][0]["status_code"] == 3
    assert body["groups"][0]["spare"] == 1
    assert body["loads"][0]["state"] == "at_n"
    assert body["single_failures"] == [
        {
            "out": "ups-a", "lost_loads": ["row-1"], "unprotected_loads": [], "overloaded": [],
            "zones": [],
        }
    ]  # fmt: skip
    assert set(body["cases"]) == {"as_is", "mains_lost"}
    assert (body["unchecked"], body["assumed"], body["unknown"]) == (["ups-a"], ["row-1"], [])


async def test_redundancy_has_the_cooling_of_each_room(client):
    body = (await client.get(f"{API}/redundancy")).json()
    assert body["groups"][0]["kind"] == "power"
    assert body["cooling"]["groups"] == ["crahs"]
    hall = body["cooling"]["zones"][0]
    assert (hall["id"], hall["status"], hall["status_code"]) == ("hall-1", "degraded", 2)
    assert (hall["heat_kw"], hall["inlet_c"]) == (466.4, 27.4)
    assert (hall["ride_through_s"], hall["gap_s"]) == (538.5, 437.0)
    assert hall["loads"] == ["row-1"]


async def ask(client, **question):
    return await client.post(f"{API}/redundancy/what-if", json=question)


async def test_what_if_answers_with_the_whole_resulting_state(services, client):
    response = await ask(client, out=["ups-a2"])
    assert response.status_code == 200
    body = response.json()
    schemas.WhatIf.model_validate_json(response.content, strict=True)
    assert body["verdict"] == "unsafe"
    assert body["overloaded"] == [
        {"id": "ups-a1", "load_kw": 424.0, "capacity_kw": 400.0, "loads": ["row-1"]}
    ]
    assert set(body["cases"]) == {"as_is", "mains_lost"}
    assert services.questions == [(["ups-a2"], [], "worst", "now")]


async def test_what_if_hands_on_every_word_of_the_question(services, client):
    await ask(client, **{"out": [], "in": ["gen-1"], "case": "as_is", "demand": "peak_15m"})
    assert services.questions == [([], ["gen-1"], "as_is", "peak_15m")]


@pytest.mark.parametrize(
    ("question", "status", "said"),
    [
        ({"out": ["ups-x"]}, 404, "'ups-x'"),
        ({"out": ["ups-a1"], "in": ["gen-x"]}, 404, "'gen-x'"),
        ({}, 422, "out: is missing"),
        ({"out": "ups-a1"}, 422, "out"),
        ({"out": [], "case": "best"}, 422, "case"),
        ({"out": [], "demand": "yesterday"}, 422, "demand"),
        ({"out": [], "in_": []}, 422, "in_: is not known here"),
        ({"out": ["ups-a1"], "in": ["ups-a1"]}, 400, "'ups-a1'"),
    ],
)
async def test_a_wrong_what_if_is_refused_with_what_is_wrong(client, question, status, said):
    response = await ask(client, **question)
    assert response.status_code == status
    assert said in sentence(response)


async def test_a_body_without_its_content_type_says_what_to_send(client):
    response = await client.post(f"{API}/redundancy/what-if", content=b'{"out": []}')
    assert response.status_code == 422
    assert "Content-Type: application/json" in sentence(response)


async def test_a_what_if_that_is_no_json_is_refused(client):
    response = await client.post(
        f"{API}/redundancy/what-if",
        content=b"{out: ups}",
        headers={"content-type": "application/json"},
    )
    assert response.status_code == 422
    assert "JSON" in sentence(response)


# Alarms and events


async def test_alarms_say_since_when_they_stand(client):
    alarms = (await client.get(f"{API}/alarms")).json()["alarms"]
    assert [alarm["severity"] for alarm in alarms] == ["warning", "critical"]
    assert alarms[0]["since"] == "2026-01-31T03:10:02.000Z"


@pytest.mark.parametrize("action", ["ack", "shelve", "comment"])
async def test_alarm_actions_say_that_they_are_not_built_yet(client, action):
    response = await client.post(f"{API}/alarms/ups-a2/mode/{action}")
    assert response.status_code == 501
    assert "come with the alarm lifecycle" in sentence(response)
    assert "'ups-a2/mode'" in sentence(response)


async def test_events_whose_spans_overlap_are_unordered(client):
    events = (await client.get(f"{API}/events")).json()["events"]
    assert [event["seq"] for event in events] == [1, 2, 3, 4]
    # 1 and 2 lie across each other; 4 begins where 3 ends.
    assert [event["unordered"] for event in events] == [True, True, False, False]
    assert events[0]["earliest"] == "2026-01-31T03:10:00.000Z"
    assert events[0]["latest"] == "2026-01-31T03:10:05.000Z"


@pytest.mark.parametrize(
    ("query", "seqs", "next_since"),
    [
        ("", [1, 2, 3, 4], 4),
        ("limit=2", [3, 4], 4),
        ("since=0&limit=2", [1, 2], 2),
        ("since=2", [3, 4], 4),
        ("since=4", [], 4),
        ("since=-100s", [3, 4], 4),
        ("since=-1s", [], 4),
        ("since=2026-01-31T03:00:00Z&limit=3", [1, 2, 3], 3),
        ("order=newest", [4, 3, 2, 1], 4),
        ("order=newest&limit=2", [4, 3], 4),
        ("order=newest&since=2", [4, 3], 4),
        ("device=ups-a1", [1, 3], 4),
        ("device=ups-a1&since=0&limit=1", [1], 1),
        ("device=ups-a1,ups-a2&kind=state", [1, 2, 3, 4], 4),
        ("point=ups-a2/mode&order=newest&limit=1", [4], 4),
        ("kind=supply", [], 4),
        ("kind=supply&kind=state&since=3", [4], 4),
        ("from=-100s", [3, 4], 4),
        ("to=-100s", [1, 2], 4),
        ("from=-1h&to=-100s&limit=1", [1], 1),
        ("from=2026-01-31T03:11:02Z&to=2026-01-31T03:11:02Z", [3], 4),
    ],
)
async def test_events_are_followed_by_number_or_time(client, query, seqs, next_since):
    body = (await client.get(f"{API}/events?{query}")).json()
    assert [event["seq"] for event in body["events"]] == seqs
    assert body["next_since"] == next_since


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("since=soon", 400, "ISO 8601"),
        ("limit=0", 422, "limit"),
        ("limit=100000", 422, "limit"),
        ("from=soon", 400, "from: 'soon' is no time"),
        ("to=soon", 400, "to: 'soon' is no time"),
        ("kind=stat", 400, "kind: 'stat' is none of state, device,"),
        ("device=ups-a9", 404, "no device 'ups-a9'"),
        ("order=up", 422, "order"),
        ("from=-1h&to=-2h", 400, "'from' must not be after 'to'"),
    ],
)
async def test_wrong_event_queries_are_refused(client, query, status, said):
    response = await client.get(f"{API}/events?{query}")
    assert response.status_code == status
    assert said in sentence(response)


async def test_what_is_no_longer_kept_is_said(services, client):
    events = (await client.get(f"{API}/events")).json()
    assert (events["oldest"], events["dropped"]) == (1, 0)
    here = services.snapshot()
    await services.publish(replace(here, version=here.version + 1, events=here.events[2:]))
    for query, dropped in (("since=0", 2), ("since=1", 1), ("since=2", 0), ("", 2)):
        body = (await client.get(f"{API}/events?{query}")).json()
        assert (body["oldest"], body["dropped"]) == (3, dropped)
        assert [event["seq"] for event in body["events"]] == [3, 4]


async def test_filters_find_what_is_many_pages_away(services, client):
    here = services.snapshot()
    one = here.events[0]
    many = [replace(one, seq=n, kind="state") for n in range(1, 5001)]
    many[4] = replace(many[4], kind="supply")
    many[4000] = replace(many[4000], kind="supply")
    await services.publish(replace(here, version=here.version + 1, events=tuple(many)))
    for query, seqs, following in (
        ("kind=supply", [5, 4001], 5000),
        ("kind=supply&order=newest", [4001, 5], 5000),
        ("kind=supply&limit=1", [4001], 5000),
        ("kind=supply&limit=1&since=0", [5], 5),
        ("kind=supply&since=5", [4001], 5000),
    ):
        body = (await client.get(f"{API}/events?{query}")).json()
        assert [event["seq"] for event in body["events"]] == seqs
        assert body["next_since"] == following


# History


async def test_history_that_cannot_be_read_says_why(services, client, monkeypatch):
    def damaged(*_args):
        raise SinkError("the file of 07 h is damaged: put it back from a copy")

    monkeypatch.setattr(services.history, "query", damaged)
    answer = await client.get(f"{API}/history?point=ups-a1/output.active_power")
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "history_unavailable"
    assert "damaged" in answer.json()["error"]["message"]


async def test_history_has_six_lists_of_one_length(services, client):
    response = await client.get(
        f"{API}/history?point=ups-a1/output.active_power&from=-1m&to=now&buckets=6"
    )
    body = response.json()
    assert (body["unit"], body["states"]) == ("W", None)
    assert (body["from"], body["to"]) == ("2026-01-31T03:11:00.000Z", "2026-01-31T03:12:00.000Z")
    lists = [body[key] for key in ("t", "min", "mean", "max", "last", "quality")]
    assert {len(each) for each in lists} == {6}
    assert body["t"][:2] == ["2026-01-31T03:11:00.000Z", "2026-01-31T03:11:10.000Z"]
    assert (body["mean"][0], body["quality"][0]) == (None, "bad")
    assert (body["mean"][-1], body["quality"][-1]) == (2.0, "good")
    assert services.history.queries == [("ups-a1/output.active_power", NOW - 60, NOW, 6)]


async def test_history_defaults_to_the_last_hour(services, client):
    await client.get(f"{API}/history?point=ups-a1/output.active_power")
    assert services.history.queries == [("ups-a1/output.active_power", NOW - 3600, NOW, 300)]


async def test_history_of_a_state_names_its_codes(client):
    body = (await client.get(f"{API}/history?point=ups-a1/mode")).json()
    assert body["states"][:3] == ["unknown", "online", "eco"]
    assert (body["unit"], body["t"]) == (None, [])


async def test_a_point_that_is_gone_keeps_its_history(services, client):
    services.history = FakeHistory({"ups-old/mode"})
    assert (await client.get(f"{API}/history?point=ups-old/mode")).json()["t"]


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("point=ups-a1/output.frequency", 404, "'ups-a1/output.frequency'"),
        ("point=ups-a1", 400, "<device>"),
        ("point=ups-a1/output.powr", 400, "'powr'"),
        ("", 422, "point"),
        ("point=ups-a1/mode&from=now&to=-1h", 400, "'from'"),
        ("point=ups-a1/mode&from=-1h&to=-1h", 400, "must be before"),
        ("point=ups-a1/mode&from=noon", 400, "from: 'noon'"),
        ("point=ups-a1/mode&to=2026-01-31T03:12:00 01:00", 400, "%2B"),
        ("point=ups-a1/mode&buckets=0", 422, "buckets"),
        ("point=ups-a1/mode&buckets=1000000", 422, "buckets"),
        ("point=ups-a1/mode&bucket=3", 422, "bucket"),
    ],
)
async def test_a_wrong_history_query_is_refused_with_what_is_wrong(client, query, status, said):
    response = await client.get(f"{API}/history?{query}")
    assert response.status_code == status
    assert said in sentence(response)


async def test_without_local_history_the_answer_says_so(services, client):
    services.history = None
    response = await client.get(f"{API}/history?point=ups-a1/mode")
    assert response.status_code == 503
    assert "no local history" in sentence(response)


# Demo


async def test_a_scenario_is_started_in_the_demo(services, client):
    assert (await client.get(f"{API}/demo/scenarios")).json() == {
        "scenarios": ["mains-failure", "device-silent"]
    }
    response = await client.post(f"{API}/demo/scenarios/mains-failure")
    assert response.status_code == 202
    schemas.ScenarioStarted.model_validate_json(response.content)
    assert services.scenarios.triggered == ["mains-failure"]


async def test_an_unknown_scenario_is_answered_with_those_that_exist(client):
    response = await client.post(f"{API}/demo/scenarios/moon-falls")
    assert response.status_code == 404
    assert "mains-failure, device-silent" in sentence(response)


async def test_outside_the_demo_there_are_no_scenarios():
    async with client_of(FakeServices(demo=False)) as client:
        for call in (client.get, client.post):
            path = "/demo/scenarios" if call == client.get else "/demo/scenarios/mains-failure"
            response = await call(API + path)
            assert response.status_code == 404
            assert "demo" in sentence(response)


# Health


def not_ready(**changes: object) -> Snapshot:
    return replace(make_snapshot(), ready=False, **changes)


async def test_ready_says_503_until_every_device_was_tried():
    services = FakeServices(not_ready())
    async with client_of(services) as client:
        response = await client.get("/health/ready")
        assert response.status_code == 503
        assert response.json() == {
            "ready": False, "reasons": ["1 of 6 devices were not tried yet: pv-1."],
        }  # fmt: skip
        assert (await client.get("/health/live")).status_code == 200
        await services.publish(make_snapshot(8))
        response = await client.get("/health/ready")
        assert (response.status_code, response.json()["ready"]) == (200, True)


async def test_ready_names_some_devices_and_counts_the_rest():
    template = make_devices()["pv-1"]
    waiting = {f"pv-{i}": replace(template, id=f"pv-{i}") for i in range(25)}
    async with client_of(FakeServices(not_ready(devices=waiting))) as client:
        (reason,) = (await client.get("/health/ready")).json()["reasons"]
    assert reason.startswith("25 of 25 devices")
    assert reason.endswith("and 15 more.")


async def test_before_the_first_tick_there_is_no_snapshot_to_be_ready_with():
    tried = {name: replace(one, tried=True) for name, one in make_devices().items()}
    async with client_of(FakeServices(not_ready(devices=tried))) as client:
        response = await client.get("/health/ready")
    assert response.status_code == 503
    assert "snapshot" in response.json()["reasons"][0]


async def test_hostile_texts_of_a_device_stay_text():
    devices = make_devices()
    plate = Nameplate('<script>"', "line\nbreak\\", "\u2028", "é\x00")
    devices["ups-a1"] = replace(devices["ups-a1"], nameplate=plate)
    async with client_of(FakeServices(replace(make_snapshot(), devices=devices))) as client:
        body = json.loads((await client.get(f"{API}/devices/ups-a1")).content)
        page = (await client.get("/metrics")).text
    assert body["device"]["nameplate"]["vendor"] == '<script>"'
    assert 'vendor="<script>\\"",model="line\\nbreak\\\\"' in page


async def test_a_reading_of_unknown_state_code_is_named_unknown():
    snapshot = make_snapshot()
    value = snapshot.points.value.copy()
    value[snapshot.points.row["ups-a1/mode"]] = 200
    async with client_of(
        FakeServices(replace(snapshot, points=replace(snapshot.points, value=value)))
    ) as client:
        (mode,) = await points(client, "device=ups-a1&quantity=mode")
    assert (mode["value"], mode["code"]) == ("unknown", 200)


def test_every_quality_has_a_level_and_a_reason():
    from api.points import _QUALITY

    assert set(_QUALITY) == {quality.value for quality in Quality}


def test_examples_of_the_documentation_are_valid():
    """Each example is held to the model of its route."""
    models = {
        "kpis": schemas.Kpis, "pue": statements.Audit, "months": statements.Months,
        "status": schemas.Status, "alarms": schemas.Alarms,
        "redundancy": schemas.Redundancy, "what_if": schemas.WhatIf,
        "devices": schemas.Devices, "device": schemas.DeviceWithPoints,
        "points": schemas.Points, "events": schemas.Events, "history": schemas.History,
        "scenarios": schemas.Scenarios, "scenario": schemas.ScenarioStarted,
        "live": schemas.Live, "ready": schemas.Ready, "levels": schemas.Levels,
        "maintenance": schemas.Maintenance, "maintenance_one": schemas.MaintenanceOne,
    }  # fmt: skip
    assert set(models) == set(EXAMPLES)
    for name, model in models.items():
        model.model_validate_json(json.dumps(EXAMPLES[name]), strict=True)


async def test_an_auditor_sees_what_factors_the_carbon_figures_stand_on(services):
    carbon = Carbon(610.4, 2021, "location", "yearly mean", 2.66)
    site = replace(services.site, energy=replace(services.site.energy, carbon=carbon))
    async with client_of(FakeServices(site=site)) as client:
        body = (await client.get(f"{API}/kpis")).json()
    assert body["carbon"] == {
        "grid_g_per_kwh": 610.4,
        "diesel_kg_per_l": 2.66,
        "year": 2021,
        "scope": "location",
        "source": "yearly mean",
    }


async def test_a_site_without_emission_factors_says_so(client):
    assert (await client.get(f"{API}/kpis")).json()["carbon"] is None


async def test_rows_are_the_same_however_they_are_cut_into_chunks(client, services, monkeypatch):
    whole = await points(client, "")
    monkeypatch.setattr("api.points.CHUNK_ROWS", 3)
    await services.publish(replace(make_snapshot(), version=8))
    assert await points(client, "") == whole


def test_no_word_that_a_reading_can_carry_has_a_comma():
    """Rows are cut out of encoded columns at their commas."""
    states = [state for axis in STATES.values() for state in axis.states]
    reasons = [quality.reason for quality in Quality]
    assert [word for word in states + reasons if "," in word or '"' in word] == []


async def test_levels_of_a_month_name_its_parts_and_a_wrong_month_is_refused(client):
    answer = (await client.get(f"{API}/redundancy/levels?month=2026-01")).json()
    assert answer["month"] == "2026-01"
    site = next(part for part in answer["parts"] if part["id"] == "site")
    assert sum(site["seconds"].values()) == 30.0
    for wrong, said in (("2026", "is a year"), ("11-2026", "neither a year")):
        response = await client.get(f"{API}/redundancy/levels?month={wrong}")
        assert response.status_code == 400
        assert said in response.json()["error"]["message"]
