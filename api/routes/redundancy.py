"""`/redundancy` and the question before every maintenance: what if?"""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api import encode, schemas
from api.answers import json_response, versioned
from api.deps import Api
from api.describe import answers
from api.encode import dumps, stamped
from api.errors import bad_request
from api.examples import EXAMPLES
from api.names import unknown_id

router = APIRouter(tags=["redundancy"])


@router.get(
    "/redundancy",
    responses=answers(schemas.Redundancy, "The verdict now.", EXAMPLES["redundancy"], 304),
)
async def redundancy(request: Request, api: Api) -> Response:
    """Whether the load is protected, and what one more failure would do.

    Judged in two cases, of which the worse one counts: the plant as it is, and the same with every
    utility out. The answer says its scope: `assumed` (no device behind it), `unchecked` (states no
    capacity), `unknown` (not known, taken as out). `cooling` has the rooms: what cools them, how
    warm they are, and how long they last without.
    """
    return await versioned(
        request,
        api,
        "redundancy",
        lambda snapshot: dumps(stamped(snapshot, encode.redundancy(snapshot.redundancy))),
    )


@router.get(
    "/redundancy/levels",
    responses=answers(schemas.Levels, "One month, up to now.", EXAMPLES["levels"], 400, 422),
)
async def levels(api: Api, query: Annotated[schemas.LevelsQuery, Query()]) -> Response:
    """How long the site, each redundancy group and the supply stood at each level in a month.

    By calendar month of the site's time zone. `unobserved_s` is the time in which nobody looked:
    Kasbah did not run, or did not know every device yet. All seconds of a part make up the month
    as far as it has gone.
    """
    services = api.services
    try:
        found = services.levels(query.month)
    except ValueError as error:
        raise bad_request(f"month: {error}.") from None
    return json_response(stamped(services.snapshot(), encode.levels(found)))


@router.post(
    "/redundancy/what-if",
    responses=answers(
        schemas.WhatIf, "The plant after it.", EXAMPLES["what_if"], 400, 403, 404, 413, 422
    ),
)
async def what_if(question: schemas.WhatIfRequest, api: Api) -> Response:
    """May I take these out?

    The whole resulting state, old faults included; what loses its power takes its cooling along.
    `unsafe`: something is lost, overloaded or newly
    unprotected. `reduced`: nothing of that, but a group or a load is left without redundancy.
    Nothing is switched: Kasbah never writes to a device.
    """
    both = sorted(set(question.out) & set(question.back))
    if both:
        raise bad_request(f"'{both[0]}' cannot be taken out and put back in at once.")
    services = api.services
    snapshot = services.snapshot()
    try:
        async with api.what_if_turn:
            answer = await asyncio.to_thread(
                services.what_if, question.out, question.back, question.case, question.demand
            )
    except KeyError as unknown:
        raise unknown_id(services.site, unknown.args[0]) from None
    return json_response(stamped(snapshot, encode.what_if(answer)))
