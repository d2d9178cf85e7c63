"""How an answer leaves: JSON bytes with a version, a tag, and 304 for who has it already."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from fastapi import Request, Response

from api.deps import Context
from api.encode import Doc, dumps
from core.snapshot import Snapshot

REVALIDATE = "private, no-cache"
"""May be kept, must be asked for again each time: the tag then saves the body."""


def json_response(doc: Doc, status: int = 200) -> Response:
    """A small document, never kept by anybody."""
    return Response(dumps(doc), status, media_type="application/json")


async def versioned(
    request: Request,
    context: Context,
    question: Hashable,
    render: Callable[[Snapshot], bytes],
) -> Response:
    """What `render` makes of the snapshot that stands, rendered once a version for all clients.

    Runs `render` in a worker thread. Answers 304 when the client holds this version.
    """
    snapshot = context.services.snapshot()
    held = tag(snapshot)
    headers = {"ETag": held, "Cache-Control": REVALIDATE}
    if _holds(request.headers.get("if-none-match", ""), held):
        return Response(status_code=304, headers=headers)
    body = await context.rendered.get(question, held, lambda: render(snapshot))
    return Response(body, media_type="application/json", headers=headers)


def tag(snapshot: Snapshot) -> str:
    """ETag of everything that is made of this snapshot.

    Versions start again with the process; the time tells the runs apart.
    """
    return f'"{snapshot.version}-{round(snapshot.time * 1000):x}"'


def _holds(header: str, wanted: str) -> bool:
    held = {word.strip().removeprefix("W/") for word in header.split(",")}
    return wanted in held or "*" in held
