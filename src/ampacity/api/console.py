"""Serves the built console: files of the package's `_web` folder, each address of the app falling back to its
page.

Files under `assets/` carry a hash in their name and may be kept for ever; pages are asked for again each
time, by their ETag. Everything is read and compressed once and kept in memory: it is less than a megabyte.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import mimetypes
from pathlib import Path, PurePosixPath
from typing import Any

from litestar import MediaType, Request, Response, Router, get
from litestar.params import FromPath
from msgspec import Struct

from .errors import ApiError, not_found

WEB_ROOT = Path(__file__).resolve().parent.parent / "_web"

SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
"""On each answer. Styles may be inline because charts set them; scripts may not."""

KEEP_FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"

_COMPRESSIBLE = (
    "text/",
    "application/javascript",
    "application/json",
    "application/manifest+json",
    "image/svg+xml",
)

_NOT_BUILT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Ampacity: the console is not built</title>
<body style="font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem">
<h1>The console is not built</h1>
<p>This node runs, and its <a href="/api/v1/docs">API</a> answers. This checkout has no web pages yet.</p>
<p>Run <code>./dev web</code> in the checkout, then load this page again. An installed package has them.</p>
</body></html>
"""


class Asset(Struct, frozen=True):
    """A file, ready to be sent."""

    body: bytes
    compressed: bytes | None
    media_type: str
    etag: str
    modified_ns: int


class Assets:
    """The files under `root`, read when first asked for and again when they changed."""

    def __init__(self, root: Path = WEB_ROOT) -> None:
        self._root = root
        self._kept: dict[str, Asset] = {}

    @property
    def built(self) -> bool:
        """Whether there is a console at all."""
        return (self._root / "index.html").is_file()

    def find(self, name: str) -> Asset | None:
        """The file called `name` (with slashes, relative); None where there is none. Reads files: call it in
        a thread.
        """
        path = PurePosixPath(name)
        if (
            path.is_absolute()
            or not path.parts
            or any(part in ("..", "") or part.startswith(".") for part in path.parts)
        ):
            return None
        file = self._root.joinpath(*path.parts)
        try:
            modified_ns = file.stat().st_mtime_ns
            kept = self._kept.get(name)
            if kept is not None and kept.modified_ns == modified_ns:
                return kept
            body = file.read_bytes()
        except (OSError, ValueError):  # absent, a folder, or a name that no file can have
            return None
        media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        compressed = gzip.compress(body, 9, mtime=0) if media_type.startswith(_COMPRESSIBLE) else None
        asset = Asset(
            body=body,
            compressed=compressed if compressed is not None and len(compressed) < len(body) else None,
            media_type=media_type,
            etag=f'"{hashlib.sha256(body).hexdigest()[:20]}"',
            modified_ns=modified_ns,
        )
        self._kept[name] = asset
        return asset


def send(request: Request[Any, Any, Any], asset: Asset, cache: str) -> Response[bytes]:
    """An asset as the answer to `request`."""
    headers = {"cache-control": cache, "etag": asset.etag, "vary": "accept-encoding"}
    if asset.etag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers, media_type=asset.media_type)
    body = asset.body
    if asset.compressed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        body = asset.compressed
        headers["content-encoding"] = "gzip"
    return Response(body, headers=headers, media_type=asset.media_type)


def _wants_page(name: str) -> bool:
    """Whether an unknown name is an address of the app rather than a missing file. Station names may hold
    dots.
    """
    return not name.startswith("assets/") and ("/" in name or "." not in name)


@get("/", opt={"public": True, "compressed_itself": True}, include_in_schema=False)
async def front(request: Request[Any, Any, Any]) -> Response[Any]:
    """The console."""
    return await answer(request, "")


@get("/{path:path}", opt={"public": True, "compressed_itself": True}, include_in_schema=False)
async def anything(request: Request[Any, Any, Any], path: FromPath[str]) -> Response[Any]:
    """A file of the console, or one of its pages."""
    return await answer(request, path.strip("/"))


async def answer(request: Request[Any, Any, Any], name: str) -> Response[Any]:
    """The file `name`, or the page whose address it is."""
    assets: Assets = request.app.state.assets
    if name == "api" or name.startswith("api/"):
        raise not_found("path", request.url.path, "The paths are listed in /api/v1/openapi.json.")
    asset = await asyncio.to_thread(assets.find, name) if name else None
    if asset is not None and not name.endswith(".html"):
        return send(request, asset, KEEP_FOR_EVER if name.startswith("assets/") else ASK_AGAIN)
    if asset is None and name and not _wants_page(name):
        raise ApiError(404, "not-found", f"There is no file {name!r}.", where="path")
    page = "driver.html" if name.startswith("e/") or name == "driver.html" else "index.html"
    asset = await asyncio.to_thread(assets.find, page)
    if asset is None:
        return Response(
            _NOT_BUILT, status_code=503, media_type=MediaType.HTML, headers={"cache-control": ASK_AGAIN}
        )
    return send(request, asset, ASK_AGAIN)


console = Router("/", route_handlers=[front, anything])
