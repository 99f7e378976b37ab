"""The page's server: files, pictures, a message channel and viser's 3-D scene on one loopback port.

Everything is below `/<token>/`; requests without the token are refused, for viser's own page and
WebSocket too. viser opens its port with `websockets`' `serve` and has no hook for access control,
so `serve` is wrapped while viser starts; that access is refused is then tested.
"""

import contextlib
import hmac
import http
import io
import json
import secrets
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from importlib import resources
from typing import Any, Final

import viser
import websockets.asyncio.server as websockets_server
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from robo.errors import UserError

HOST: Final = "127.0.0.1"
CHANNEL: Final = "channel"
"""The page's WebSocket: JSON text both ways, and binary pictures to the page."""
VISER: Final = "viser"
MIME: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "jpg": "image/jpeg",
    "svg": "image/svg+xml",
}
IN_VISER: Final = b"""
<script>document.hasFocus = () => true;</script>
<style>[data-dock-group], .mantine-Notifications-root,
.mantine-Paper-root[style*="fixed"][style*="20em"] { display: none !important; }</style>
"""
"""viser connects only while its page has focus, which an iframe rarely has. Its panel, hidden here,
is a dock in a wide frame and a paper at the bottom in a narrow one."""
SLOW_PAGE_BYTES: Final = 400_000
"""A page with this much unsent gets no pictures, so that they do not pile up."""

_starting = threading.Lock()


class PageServer:
    """Serves one page to whoever has its address.

    Args:
        port: Loopback port; if taken, the next free one; any when 0.
        on_message: Called with (connection number, message) from the server's thread.
        on_leave: Called with the connection number when a page is closed.
        picture: Returns a JPEG for a path below `pictures/`, or None.
        home: File name of the page.

    Attributes:
        viser: The 3-D scene's server.
        address: The page's address, with its token.

    Raises:
        UserError: The page cannot be protected with this version of viser.
    """

    def __init__(
        self,
        port: int,
        on_message: Callable[[int, dict[str, Any]], None],
        on_leave: Callable[[int], None],
        picture: Callable[[str], bytes | None],
        home: str = "record.html",
    ) -> None:
        self._home = home
        self._token = secrets.token_urlsafe(18)
        self._on_message, self._on_leave, self._picture = on_message, on_leave, picture
        self._pages: dict[int, ServerConnection] = {}
        self._greeting: dict[str, str] = {}
        self._count = 0
        with _starting:
            original = websockets_server.serve
            websockets_server.serve = self._guarded(original)  # type: ignore[misc,assignment]
            try:
                with contextlib.redirect_stdout(io.StringIO()):  # it prints a refused address
                    self.viser = viser.ViserServer(host=HOST, port=port, verbose=False)
            finally:
                websockets_server.serve = original  # type: ignore[misc]
        self._loop = self.viser.get_event_loop()
        self.port = self.viser.get_port()
        self.address = f"http://{HOST}:{self.port}/{self._token}/"
        self._check_door()

    @property
    def pages(self) -> int:
        """Number of open pages."""
        return len(self._pages)

    def send(self, kind: str, content: Any) -> None:
        """Send JSON to all but stalled pages; later ones get the last message of each kind."""
        text = json.dumps({"kind": kind, "content": content})
        self._greeting[kind] = text
        self._soon(text, SLOW_PAGE_BYTES * 10)

    def send_picture(self, name: str, jpeg: bytes) -> None:
        """Send a camera image to all pages that keep up: the name's length, the name, JPEG."""
        label = name.encode()
        self._soon(bytes([len(label)]) + label + jpeg, SLOW_PAGE_BYTES)

    def stop(self) -> None:
        """Close the port and all pages."""
        with contextlib.redirect_stdout(io.StringIO()):
            self.viser.stop()

    def _soon(self, message: str | bytes, limit: int) -> None:
        if self._pages:
            self._loop.call_soon_threadsafe(self._broadcast, message, limit)

    def _broadcast(self, message: str | bytes, limit: int) -> None:
        ready = [
            page for page in self._pages.values() if page.transport.get_write_buffer_size() < limit
        ]
        websockets_server.broadcast(ready, message)

    def _guarded(self, serve: Callable[..., Any]) -> Callable[..., Any]:
        """`serve` that checks the token first, and serves this page beside viser's."""

        def guarded(handler: Any, *args: Any, process_request: Any, **options: Any) -> Any:
            def door(connection: ServerConnection, request: Request) -> Response | None:
                path = self._inner_path(request.path)
                if path is None:
                    return refusal()
                if path == VISER or path.startswith(f"{VISER}/"):
                    inner = replace(request, path=path.removeprefix(VISER) or "/")
                    return _viser_answer(process_request, connection, inner)
                if request.headers.get("Upgrade", "").lower() == "websocket":
                    return None if path == CHANNEL else refusal()
                return self._file(path)

            async def room(connection: ServerConnection) -> None:
                request = connection.request
                if request is not None and self._inner_path(request.path) == CHANNEL:
                    await self._talk(connection)
                else:
                    await handler(connection)

            # A busy computer answers pings late; a page that is gone closes its socket.
            options["ping_timeout"] = None
            return serve(room, *args, process_request=door, **options)

        return guarded

    def _inner_path(self, path: str) -> str | None:
        """The path below the token, without the query; None without the right token."""
        _, given, *rest = path.partition("?")[0].split("/", 2)
        if not hmac.compare_digest(given.encode(), self._token.encode()) or not rest:
            return None
        return rest[0]

    def _file(self, path: str) -> Response:
        body: bytes | None
        if path.startswith("pictures/"):
            body = self._picture(path.removeprefix("pictures/"))
            path = "picture.jpg"
        else:
            path = path or self._home
            body = page_file(path)
        if body is None:
            return Response(http.HTTPStatus.NOT_FOUND, "Not Found", Headers(), b"not here\n")
        return response(body, MIME[path.rpartition(".")[2]])

    async def _talk(self, connection: ServerConnection) -> None:
        number = self._count = self._count + 1
        try:
            for text in list(self._greeting.values()):
                await connection.send(text)
            self._pages[number] = connection
            async for message in connection:
                content = _parsed(message)
                if content is not None:
                    self._on_message(number, content)
        except ConnectionClosed:
            pass
        finally:
            self._pages.pop(number, None)
            self._on_leave(number)

    def _check_door(self) -> None:
        """Request viser's page and WebSocket without the token; both must be refused."""
        upgrade = (
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            f"Sec-WebSocket-Protocol: viser-v{viser.__version__}\r\n"
        )
        for extra in ("", upgrade):
            if _status(self.port, extra) != http.HTTPStatus.FORBIDDEN:
                self.stop()
                raise UserError(
                    f"viser {viser.__version__} lets anyone in, so the page cannot be protected; "
                    "install viser 1.1"
                )


def _viser_answer(
    process_request: Callable[[ServerConnection, Request], Response | None],
    connection: ServerConnection,
    request: Request,
) -> Response | None:
    """viser's own response; its page without its panel, as ours is beside it."""
    plain = request.headers.copy()
    if request.path == "/":
        del plain["Accept-Encoding"]
    answer = process_request(connection, replace(request, headers=plain))
    if answer is None or request.path != "/" or answer.status_code != http.HTTPStatus.OK:
        return answer
    page = bytes(answer.body).replace(b"<head>", b"<head>" + IN_VISER, 1)
    return response(page, MIME["html"])


def page_file(name: str) -> bytes | None:
    """A file of the page, or None."""
    if "/" in name or name.rpartition(".")[2] not in MIME:
        return None
    file = resources.files("robo.recording").joinpath("page", name)
    return file.read_bytes() if file.is_file() else None


def response(body: bytes, kind: str) -> Response:
    """A response that is not cached and that no other site may frame."""
    headers = Headers()
    headers["Content-Type"] = kind
    headers["Content-Length"] = str(len(body))
    headers["Cache-Control"] = "no-store"
    headers["Referrer-Policy"] = "no-referrer"
    headers["X-Frame-Options"] = "SAMEORIGIN"
    return Response(http.HTTPStatus.OK, "OK", headers, body)


def refusal() -> Response:
    """The response to a request without the token."""
    text = b"This page opens only with its full address, as the terminal shows it.\n"
    headers = Headers()
    headers["Content-Type"] = "text/plain; charset=utf-8"
    headers["Content-Length"] = str(len(text))
    return Response(http.HTTPStatus.FORBIDDEN, "Forbidden", headers, text)


def _parsed(message: str | bytes) -> dict[str, Any] | None:
    try:
        content = json.loads(message)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def _status(port: int, extra_headers: str) -> int:
    with socket.create_connection((HOST, port), timeout=5) as stream:
        request = f"GET / HTTP/1.1\r\nHost: {HOST}:{port}\r\n{extra_headers}\r\n"
        stream.sendall(request.encode())
        line = stream.makefile("rb").readline().split()
    return int(line[1]) if len(line) > 1 else 0
