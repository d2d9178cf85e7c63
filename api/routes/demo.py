"""`/demo/scenarios`: make something happen on the simulated site."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from api import schemas
from api.answers import json_response
from api.deps import Api, Context
from api.describe import answers
from api.errors import not_found
from api.examples import EXAMPLES
from api.times import iso
from core.contracts import ScenarioControl

router = APIRouter(tags=["demo"])


@router.get(
    "/demo/scenarios",
    responses=answers(schemas.Scenarios, "Their names.", EXAMPLES["scenarios"], 404),
)
async def scenarios(api: Api) -> Response:
    """What can be made to happen. Exists in the demo only."""
    return json_response({"scenarios": list(_control(api).names())})


@router.post(
    "/demo/scenarios/{name}",
    status_code=202,
    responses=answers(
        schemas.ScenarioStarted, "It begins now.", EXAMPLES["scenario"], 403, 404, 422, status=202
    ),
)
async def trigger(api: Api, name: Annotated[str, Path(examples=["mains-failure"])]) -> Response:
    """Start a scenario now. Exists in the demo only."""
    control = _control(api)
    try:
        control.trigger(name)
    except KeyError:
        there_is = ", ".join(control.names())
        raise not_found(
            "unknown_scenario", f"There is no scenario '{name}'. There is: {there_is}."
        ) from None
    return json_response({"scenario": name, "time": iso(api.services.clock.now())}, 202)


def _control(api: Context) -> ScenarioControl:
    control = api.services.scenarios
    if control is None:
        raise not_found(
            "no_demo", "Scenarios exist in the demo only: real plant is not ours to switch."
        )
    return control
