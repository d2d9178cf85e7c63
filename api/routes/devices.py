"""`/devices`: what is watched and how its polling goes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from orjson import Fragment

from api import schemas
from api.answers import versioned
from api.deps import Api
from api.describe import answers
from api.devices import device
from api.encode import dumps, stamped
from api.errors import not_found
from api.examples import EXAMPLES
from api.points import PointQuery
from core.snapshot import Snapshot

router = APIRouter(tags=["devices"])


@router.get(
    "/devices", responses=answers(schemas.Devices, "All devices.", EXAMPLES["devices"], 304)
)
async def devices(request: Request, api: Api) -> Response:
    """All devices of the site file, in its order, with nameplate and status."""
    site = api.services.site

    def render(snapshot: Snapshot) -> bytes:
        listed = [device(each, snapshot.devices.get(each.id)) for each in site.devices]
        return dumps(stamped(snapshot, {"devices": listed}))

    return await versioned(request, api, "devices", render)


@router.get(
    "/devices/{device_id}",
    responses=answers(
        schemas.DeviceWithPoints, "The device and its points.", EXAMPLES["device"], 304, 404, 422
    ),
)
async def one_device(
    request: Request, api: Api, device_id: Annotated[str, Path(examples=["ups-a1"])]
) -> Response:
    """One device: nameplate, status, address without secrets, and all its points."""
    described = next((each for each in api.services.site.devices if each.id == device_id), None)
    if described is None:
        raise not_found("unknown_device", f"There is no device '{device_id}' in this site.")

    def render(snapshot: Snapshot) -> bytes:
        rows = api.columns.select(snapshot.points, PointQuery(device=(device_id,)))
        doc = {
            "device": device(described, snapshot.devices.get(device_id)),
            "points": Fragment(api.columns.rows(snapshot, rows)),
        }
        return dumps(stamped(snapshot, doc))

    return await versioned(request, api, ("device", device_id), render)
