"""`GET /metrics`: the page that Prometheus scrapes."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from api.deps import Api
from api.metrics import CONTENT_TYPE

router = APIRouter(tags=["metrics"])

_EXAMPLE = """\
# HELP kasbah_device_up 1 while the device answers, 0 while it does not.
# TYPE kasbah_device_up gauge
kasbah_device_up{site="orange-tech",device="ups-a1",class="ups"} 1.0
"""


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={
        200: {
            "description": "Prometheus text format 0.0.4.",
            "content": {"text/plain": {"example": _EXAMPLE}},
        }
    },
)
async def metrics(request: Request, api: Api) -> Response:
    """Every point, device and key figure, and the agent's own health, for Prometheus.

    A bad reading has no sample. Scrape with `honor_labels: true`: `instance` names the part of a
    device here.
    """
    gzip = _takes_gzip(request.headers.get("accept-encoding", ""))
    headers = {"Vary": "Accept-Encoding"} | ({"Content-Encoding": "gzip"} if gzip else {})
    body = await asyncio.to_thread(api.exposition.page, api.services.snapshot(), gzip=gzip)
    return Response(body, headers=headers, media_type=CONTENT_TYPE)


def _takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding header names gzip, and not with weight 0."""
    for offer in accepted.lower().split(","):
        coding, _, weight = offer.partition(";")
        if coding.strip() == "gzip":
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
