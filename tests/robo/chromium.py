"""A headless Chromium, driven through its DevTools protocol."""

import base64
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from websockets.sync.client import connect

EXECUTABLE = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
FLAGS = (
    "--headless=new", "--no-sandbox", "--use-gl=angle", "--use-angle=gl-egl",
    "--ignore-gpu-blocklist", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--mute-audio", "--remote-debugging-port=0",
)  # fmt: skip
KEY_CODES = {
    "[": 219,
    "]": 221,
    "ArrowRight": 39,
    "ArrowLeft": 37,
    "ArrowDown": 40,
    "ArrowUp": 38,
    "Escape": 27,
    "Enter": 13,
    " ": 32,
}


class Chromium:
    """A browser with one page."""

    def __init__(self, width: int = 1380, height: int = 860) -> None:
        assert EXECUTABLE is not None
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        folder = self._profile.name
        self._process = subprocess.Popen(
            [EXECUTABLE, *FLAGS, f"--window-size={width},{height}", f"--user-data-dir={folder}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self._attach(Path(folder, "DevToolsActivePort"), width, height)
        except BaseException:
            self._end()
            raise

    def _attach(self, port: Path, width: int, height: int) -> None:
        until(lambda: port.is_file() and len(port.read_text().split()) == 2)
        number, path = port.read_text().split()
        self._socket = connect(
            f"ws://127.0.0.1:{number}{path}", max_size=None, open_timeout=60, ping_interval=None
        )
        self._count = 0
        self._session: str | None = None
        self.complaints: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        self.call("Runtime.enable")
        self.call("Page.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._socket.close()
        self._end()

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._profile.cleanup()

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self._count += 1
        message = {"id": self._count, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        self._socket.send(json.dumps(message))
        while True:
            answer = json.loads(self._socket.recv(timeout=120))
            if answer.get("method") == "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(answer["params"]["exceptionDetails"])[:600])
            if answer.get("id") == self._count:
                assert "error" not in answer, answer["error"]
                return dict(answer["result"])

    def open(self, address: str) -> None:
        self.call("Page.navigate", url=address)

    def value(self, expression: str) -> Any:
        """What a JavaScript expression is worth on the page."""
        result = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def text(self, selector: str) -> str:
        return str(self.value(f"document.querySelector({selector!r})?.innerText ?? ''"))

    def key(self, name: str, *, down: bool) -> None:
        letter = len(name) == 1 and name.isalpha()
        self.call(
            "Input.dispatchKeyEvent",
            type="keyDown" if down else "keyUp",
            key=name,
            code=f"Key{name.upper()}" if letter else {" ": "Space"}.get(name, name),
            windowsVirtualKeyCode=ord(name.upper()) if letter else KEY_CODES[name],
        )

    def press(self, name: str) -> None:
        self.key(name, down=True)
        self.key(name, down=False)

    def click(self, selector: str) -> None:
        """Click in the middle of the first element that matches."""
        self.value(f"document.querySelector({selector!r}).scrollIntoView()")
        box = f"document.querySelector({selector!r}).getBoundingClientRect()"
        x, y = self.value(f"(b => [b.x + b.width / 2, b.y + b.height / 2])({box})")
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(kind, x, y)

    def mouse(self, kind: str, x: float, y: float, *, held: bool = False) -> None:
        pressed = held or kind == "mousePressed"
        self.call(
            "Input.dispatchMouseEvent",
            type=kind, x=x, y=y, button="none" if kind == "mouseMoved" and not held else "left",
            buttons=int(pressed), clickCount=1,
        )  # fmt: skip

    def screenshot(self, path: Path) -> None:
        data = self.call("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(data))


def until(condition: Callable[[], Any], seconds: float = 120) -> Any:
    """Wait until a condition holds; its value."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
    return value
