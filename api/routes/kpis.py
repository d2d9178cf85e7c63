"""`GET /kpis`: the key figures."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api import schemas
from api.answers import versioned
from api.deps import Api
from api.describe import answers
from api.encode import dumps, kpi, stamped
from api.examples import EXAMPLES

router = APIRouter(tags=["energy"])


@router.get("/kpis", responses=answers(schemas.Kpis, "All key figures.", EXAMPLES["kpis"], 304))
async def kpis(request: Request, api: Api) -> Response:
    """Key figures: power, PUE with category and window, photovoltaics.

    A PUE is interim: facility energy by IT energy over its window (ISO/IEC 30134-2 asks for a
    year). A window that is younger than its length says the span it covers and is `uncertain`.
    """
    return await versioned(
        request,
        api,
        "kpis",
        lambda snapshot: dumps(
            stamped(snapshot, {"kpis": [kpi(figure) for figure in snapshot.kpis]})
        ),
    )
