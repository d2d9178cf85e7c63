"""`GET /kpis`: the key figures, and what a PUE stands on."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api import schemas, statements
from api.answers import json_response, versioned
from api.deps import Api
from api.describe import answers
from api.encode import carbon, dumps, kpi, stamped
from api.errors import bad_request
from api.examples import EXAMPLES

router = APIRouter(tags=["energy"])


@router.get("/kpis", responses=answers(schemas.Kpis, "All key figures.", EXAMPLES["kpis"], 304))
async def kpis(request: Request, api: Api) -> Response:
    """Key figures: power, PUE with category and window, photovoltaics; what else the site file has:
    partial PUE, carbon, water, reuse, renewables, cooling, losses, checks of meters, cost.

    A PUE is interim: facility energy by IT energy over its window (ISO/IEC 30134-2 asks for a
    year). A window that is younger than its length says the span it covers and is `uncertain`.
    `carbon` has the emission factors with year, scope and source.
    """
    factors = carbon(api.services.site.energy.carbon)
    return await versioned(
        request,
        api,
        "kpis",
        lambda snapshot: dumps(
            stamped(
                snapshot, {"kpis": [kpi(figure) for figure in snapshot.kpis], "carbon": factors}
            )
        ),
    )


@router.get(
    "/kpis/pue",
    responses=answers(
        statements.Audit, "The statement behind a PUE.", EXAMPLES["pue"], 400, 422, 503
    ),
)
async def pue(api: Api, query: Annotated[schemas.PueQuery, Query()]) -> Response:
    """What a PUE stands on: energies, meters with their gaps, estimates, and the rules' version.

    Of a window that ends now, a month or a year of the site's time zone. The two energies of each
    category span the same time; those of the meters are their own, over all the time each knows.
    """
    services = api.services
    try:
        async with api.history_turn:
            found = await services.pue_statement(query.window)
    except ValueError as error:
        raise bad_request(f"window: {error}.") from None
    return json_response(stamped(services.snapshot(), statements.audit(found)))


@router.get(
    "/kpis/months",
    responses=answers(
        statements.Months, "Twelve months, one year.", EXAMPLES["months"], 400, 422, 503
    ),
)
async def months(api: Api, query: Annotated[schemas.MonthsQuery, Query()]) -> Response:
    """PUE and energies of each month of a year, and of the year, in the site's time zone.

    Below 95 % of the time a value is provisional, below 80 % there is none. `revised` says when
    late energy changed a month after its end. Thirteen months are at hand, older ones are
    read from disk.
    """
    services = api.services
    try:
        async with api.history_turn:
            *parts, year = await services.months(query.year)
    except ValueError as error:
        raise bad_request(f"year: {error}.") from None
    doc = {
        "months": [statements.period(month) for month in parts],
        "year": statements.period(year),
    }
    return json_response(stamped(services.snapshot(), doc))
