"""The outer wall of the app: security headers, a limit on bodies, no requests from foreign pages.

Pure ASGI, so that streams pass untouched.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import ApiError, error_response

BODY_BYTES_MAX = 64 * 1024
"""No request of this API needs more: a what-if of a thousand components takes 20 kB."""

_DIGITS_MAX = 9  # a longer Content-Length is beyond any limit

DOCS_PATH = "/docs"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
# Swagger UI writes style attributes and carries its icons as data.
_DOCS_POLICY = f"{_POLICY}; style-src 'self' 'unsafe-inline'; img-src 'self' data:"


class Guard:
    """Wraps the app; see the module's docstring."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)

        async def guarded_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                _secure(MutableHeaders(scope=message), scope["path"])
            await send(message)

        refusal = _refusal(scope["method"], headers)
        if refusal is not None:
            await error_response(*refusal)(scope, receive, guarded_send)
            return
        await self._app(scope, _limited(receive), guarded_send)


def _secure(headers: MutableHeaders, path: str) -> None:
    docs = path == DOCS_PATH or path.startswith(f"{DOCS_PATH}/")
    headers.setdefault("Content-Security-Policy", _DOCS_POLICY if docs else _POLICY)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("Referrer-Policy", "no-referrer")
    headers.setdefault("Cache-Control", "no-store")


def _refusal(method: str, headers: Headers) -> tuple[int, str, str] | None:
    """Status, code and sentence where the request is refused before anything looks at it."""
    if method not in _SAFE_METHODS and _foreign(headers):
        return 403, "forbidden", "Another site's page may not do this: call the API itself."
    length = headers.get("content-length", "")
    if len(length) > _DIGITS_MAX or (length.isdecimal() and int(length) > BODY_BYTES_MAX):
        return _TOO_LARGE
    return None


def _foreign(headers: Headers) -> bool:
    """Whether a browser sends this on behalf of a page that is not ours."""
    origin = headers.get("origin")
    if origin is not None:
        return urlsplit(origin).netloc != headers.get("host", "")
    return headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}


_TOO_LARGE = (
    413,
    "too_large",
    f"A request may carry at most {BODY_BYTES_MAX // 1024} KiB.",
)


def _limited(receive: Receive) -> Receive:
    """The same messages, as long as the bodies stay under the limit."""
    taken = 0

    async def limited() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > BODY_BYTES_MAX:
            raise ApiError(*_TOO_LARGE)
        return message

    return limited
