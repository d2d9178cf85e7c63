"""Whatever is asked, the answer is an answer: never a 500, and every error in the one form."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.api import FakeServices, client_of

words = st.lists(
    st.sampled_from(
        [
            *"ups-a1 / mode . -1h 999999999999999999999999 nan inf é % a T : + - ' { } [ ]".split(),
            *"null 2026-01-31 , output.active_power gen-1 \u0663 \uff11 \x00".split(),
            *('"', "\n", " ", "9" * 5000),
        ]
    )
    | st.text(max_size=4),
    max_size=5,
).map("".join)
numbers = st.integers() | st.floats() | words
parameters = st.dictionaries(
    st.sampled_from(
        "point from to buckets since limit device class quantity part format window year".split()
    )
    | words,
    words,
    max_size=4,
)
bodies = st.dictionaries(
    st.sampled_from("out in case demand".split()) | words,
    st.none() | numbers | st.lists(words, max_size=3),
    max_size=4,
)
anything = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
async def client():
    async with client_of(FakeServices()) as client:
        yield client


def fine(response) -> None:
    assert response.status_code < 500 or response.status_code == 501
    if response.status_code >= 400:
        assert set(response.json()["error"]) == {"code", "message"}


@anything
@given(
    resource=st.sampled_from("points history events kpis kpis/pue kpis/months".split()),
    query=parameters,
)
async def test_any_query_is_answered(client, resource, query):
    fine(await client.get(f"/api/v1/{resource}", params=query))


@anything
@given(body=bodies)
async def test_any_what_if_is_answered(client, body):
    content = json.dumps({"out": [], **body}).encode("utf-8", "surrogatepass")
    headers = {"content-type": "application/json"}
    fine(await client.post("/api/v1/redundancy/what-if", content=content, headers=headers))


@anything
@given(content=st.binary(max_size=40), kind=st.sampled_from(["application/json", "text/plain", ""]))
async def test_any_bytes_as_a_what_if_are_answered(client, content, kind):
    headers = {"content-type": kind}
    fine(await client.post("/api/v1/redundancy/what-if", content=content, headers=headers))
