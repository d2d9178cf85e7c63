"""How a route's answers are described in OpenAPI: model, example, and its errors."""

from __future__ import annotations

from typing import Any

from api.schemas import ErrorBody

Responses = dict[int | str, dict[str, Any]]

_ERRORS = {
    304: "The client holds this version already (`If-None-Match`).",
    400: "The request contradicts itself, or names what cannot be.",
    403: "A page of another site asks.",
    404: "What the request names does not exist.",
    409: "It stands against what is there already.",
    413: "The request is too large.",
    422: "The request is not formed as documented.",
    501: "Not built yet.",
    503: "Not available now.",
}


def answers(
    model: object, description: str, example: object, *errors: int, status: int = 200
) -> Responses:
    """The `responses=` of a route: its good answer, and the errors it can give."""
    content = {"application/json": {"example": example}}
    good = {"model": model, "description": description, "content": content}
    described: Responses = {status: good}
    return described | {code: error(code) for code in errors}


def error(code: int) -> dict[str, Any]:
    """How one error is described; 304 has no body."""
    described: dict[str, Any] = {"description": _ERRORS[code]}
    return described if code == 304 else described | {"model": ErrorBody}
