"""`/maintenance`: what will be out, announced before it is taken out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from api import encode, schemas
from api.answers import json_response, versioned
from api.deps import Api
from api.describe import answers
from api.encode import Doc, dumps, stamped
from api.errors import ApiError, bad_request, not_found
from api.examples import EXAMPLES
from api.names import unknown_id
from api.times import parse_offset
from core.contracts import Services
from core.site import Window

router = APIRouter(tags=["redundancy"])

_SNAPSHOTS_MAX = 5
"""After so many the answer goes out without a judgement: a large plant takes its time."""

Name = Annotated[str, Path(description="id of the maintenance", examples=["m-1"])]


@router.get(
    "/maintenance",
    responses=answers(schemas.Maintenance, "All of it.", EXAMPLES["maintenance"], 304),
)
async def maintenance(request: Request, api: Api) -> Response:
    """Announced maintenance: what is to come or goes on by its start, then what is over.

    `announced` is what was answered when it was announced, `now` what the same question gives
    today; `worse` where the plant has changed under it. `out` are those of its nodes that are not
    as they should be at this moment, `unseen` those that no device tells of.
    """
    return await versioned(
        request,
        api,
        "maintenance",
        lambda snapshot: dumps(
            stamped(
                snapshot, {"maintenance": [encode.maintenance(s) for s in snapshot.maintenance]}
            )
        ),
    )


@router.post(
    "/maintenance",
    status_code=201,
    responses=answers(
        schemas.MaintenanceOne,
        "It is taken up, with what it does to the plant.",
        EXAMPLES["maintenance_one"],
        400,
        403,
        404,
        409,
        413,
        422,
        503,
        status=201,
    ),
)
async def announce(notice: schemas.MaintenanceRequest, api: Api) -> Response:
    """Announce what will be out, from when to when.

    From its start to its end what it names is told as planned, not as a fault; the verdict stays
    what it is. It is judged now and whenever the plant changes, and warns when the answer becomes
    worse, or when something is still out after its end. Kept over restarts. Nothing is switched.
    """
    services = api.services
    now = services.clock.now()
    try:
        start = now if notice.start is None else parse_offset(notice.start)
        end = parse_offset(notice.end)
    except ValueError as error:
        raise bad_request(str(error)) from None
    nodes = tuple(dict.fromkeys(notice.nodes))
    window = Window(notice.id, start, end, nodes, notice.reason, notice.announced_by)
    try:
        name = await services.announce(window)
    except KeyError as unknown:
        raise unknown_id(services.site, unknown.args[0]) from None
    except ValueError as error:
        raise _refused(error, notice.id) from None
    return json_response(await _fresh(services, name), 201)


@router.get(
    "/maintenance/{name}",
    responses=answers(schemas.MaintenanceOne, "This one.", EXAMPLES["maintenance_one"], 404, 422),
)
async def one(name: Name, api: Api) -> Response:
    """One announced maintenance, as `/maintenance` lists it."""
    return json_response(_doc(api.services, name))


@router.delete(
    "/maintenance/{name}",
    responses=answers(
        schemas.MaintenanceOne,
        "It is over: what is still out is a fault from now on.",
        EXAMPLES["maintenance_one"],
        403,
        404,
        409,
        422,
        503,
    ),
)
async def cancel(name: Name, api: Api) -> Response:
    """Cancel it, or end it before its time."""
    services = api.services
    try:
        await services.cancel(name)
    except KeyError:
        raise _unknown(name) from None
    except ValueError as error:
        raise ApiError(409, "conflict", f"{error}.") from None
    return json_response(await _fresh(services, name))


async def _fresh(services: Services, name: str) -> Doc:
    """One maintenance as the next snapshots have it: with what it does, once that can be told."""
    for _ in range(_SNAPSHOTS_MAX):
        snapshot = await services.next_snapshot(services.snapshot().version)
        status = next((s for s in snapshot.maintenance if s.window.id == name), None)
        if not snapshot.ready or (status is not None and (status.now or status.closed)):
            break
    return _doc(services, name)


def _doc(services: Services, name: str) -> Doc:
    snapshot = services.snapshot()
    for status in snapshot.maintenance:
        if status.window.id == name:
            return stamped(snapshot, encode.maintenance(status))
    raise _unknown(name)


def _unknown(name: str) -> ApiError:
    return not_found("unknown_maintenance", f"There is no maintenance '{name}'.")


def _refused(error: ValueError, name: str) -> ApiError:
    if name and f"'{name}'" in str(error):
        return ApiError(409, "conflict", f"{error}.")
    return bad_request(f"{error}.")
