"""`/alarms`: the conditions that stand."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request, Response

from api import schemas
from api.answers import versioned
from api.deps import Api
from api.describe import Responses, answers, error
from api.encode import alarm, dumps, stamped
from api.errors import ApiError
from api.examples import EXAMPLES

router = APIRouter(tags=["alarms"])

_NOT_YET: Responses = {code: error(code) for code in (403, 422, 501)}


@router.get("/alarms", responses=answers(schemas.Alarms, "Active alarms.", EXAMPLES["alarms"], 304))
async def alarms(request: Request, api: Api) -> Response:
    """Conditions that stand now, with the time since when."""
    return await versioned(
        request,
        api,
        "alarms",
        lambda snapshot: dumps(
            stamped(snapshot, {"alarms": [alarm(each) for each in snapshot.alarms]})
        ),
    )


@router.post("/alarms/{alarm_id:path}/{action}", status_code=501, responses=_NOT_YET)
async def act(
    alarm_id: Annotated[str, Path(description="id of the alarm, slashes included")],
    action: Annotated[Literal["ack", "shelve", "comment"], Path()],
) -> Response:
    """Acknowledge, shelve or comment an alarm. Comes with the alarm lifecycle; until then 501."""
    raise ApiError(
        501,
        "not_implemented",
        f"Alarm actions come with the alarm lifecycle: '{action}' of '{alarm_id}' is not kept.",
    )
