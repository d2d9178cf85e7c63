"""The documentation page at /docs: Swagger UI from files of our own machine, never from the net.

The files come with the package fastapi-offline; the page and its start-up script are ours, since
FastAPI's own page loads from a CDN and carries a script inline, which our security policy forbids.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse, HTMLResponse

from api.guard import DOCS_PATH

_ASSETS: Final = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
}

_PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Kasbah API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{DOCS_PATH}/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="{DOCS_PATH}/swagger-ui-bundle.js"></script>
<script src="{DOCS_PATH}/start.js"></script>
</body>
</html>
"""

# validatorUrl null: otherwise the page sends the API's description to a validator on the internet.
_START = """SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
  layout: "BaseLayout",
});
"""

router = APIRouter(include_in_schema=False)


@router.get(DOCS_PATH)
async def page() -> Response:
    return HTMLResponse(_PAGE)


@router.get(f"{DOCS_PATH}/start.js")
async def start() -> Response:
    return Response(_START, media_type="text/javascript")


def _add_asset(name: str, media_type: str) -> None:
    path = Path(str(files("fastapi_offline") / "static" / name))

    @router.get(f"{DOCS_PATH}/{name}", name=name)
    async def asset() -> Response:
        return FileResponse(path, media_type=media_type, headers={"Cache-Control": "max-age=3600"})


for _name, _media_type in _ASSETS.items():
    _add_asset(_name, _media_type)
