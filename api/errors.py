"""Errors at the HTTP edge: always `{"error": {"code", "message"}}`, the message a sentence.

Owns how an error looks. Never echoes a request's body: it may hold what is nobody else's business.
"""

from __future__ import annotations

from collections.abc import Iterable

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from core.errors import SinkError

_NOT_FOUND = (
    "There is nothing at this address. The API is under /api/v1, its documentation at /docs."
)
_PROBLEMS_MAX = 10
"""A request with more mistakes than this hears of the first ones."""


class ApiError(HTTPException):
    """A request that cannot be answered; `code` is for programs, `message` for people."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(status, message)
        self.code = code


def bad_request(message: str) -> ApiError:
    """The request contradicts itself or names what cannot be."""
    return ApiError(400, "invalid_request", message)


def not_found(code: str, message: str) -> ApiError:
    """What the request names does not exist."""
    return ApiError(404, code, message)


def error_response(status: int, code: str, message: str) -> Response:
    """The one form of every error."""
    body = orjson.dumps({"error": {"code": code, "message": message}})
    return Response(body, status, media_type="application/json")


def install(app: FastAPI) -> None:
    """Make every error of the app look like this."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(SinkError, _sink)
    app.add_exception_handler(Exception, _bug)


_SENTENCES = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "too_short": "must not be empty",
    "model_attributes_type": "must be a JSON object, sent with Content-Type: application/json",
}
"""What is said of the usual mistakes, by pydantic's name for them."""


def _http(request: Request, error: Exception) -> Response:
    if isinstance(error, ApiError):
        return error_response(error.status_code, error.code, error.detail)
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == 404:
        return error_response(404, "not_found", _NOT_FOUND)
    if error.status_code == 405:
        headers = error.headers or {}
        allowed = next((each for name, each in headers.items() if name.lower() == "allow"), "")
        message = f"This address takes {allowed or 'other methods'}, not {request.method}."
        response = error_response(405, "method_not_allowed", message)
        response.headers.update(headers)
        return response
    return error_response(error.status_code, "invalid_request", str(error.detail))


def _sink(_: Request, error: Exception) -> Response:
    """History cannot be read at the moment: its own sentence says why."""
    return error_response(503, "history_unavailable", str(error))


def _invalid(_: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    return error_response(422, "invalid_request", _sentence(error.errors()))


def _sentence(problems: Iterable[dict[str, object]]) -> str:
    parts = []
    for problem in list(problems)[:_PROBLEMS_MAX]:
        if problem.get("type") == "json_invalid":
            return "The body is no JSON."
        place = problem.get("loc", ())
        words = [str(word) for word in place] if isinstance(place, (tuple, list)) else []
        where = ".".join(words[1:]) or " ".join(words)
        kind = str(problem.get("type", ""))
        parts.append(f"{where}: {_SENTENCES.get(kind) or problem.get('msg', 'not valid')}")
    return "; ".join(parts)


def _bug(_: Request, __: Exception) -> Response:
    return error_response(
        500, "internal", "Kasbah has a bug here; its log says more. Polling goes on."
    )
