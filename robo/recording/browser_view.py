"""A page on a recorded dataset: scrub, play, plot. Served by the standard library alone."""

import contextlib
import http
import http.server
import json
import secrets
import threading
from collections.abc import Callable
from hmac import compare_digest
from importlib import resources
from typing import Any, Final

import cv2
import numpy as np

from robo.data.episodes import Episode
from robo.data.errors import DatasetError
from robo.data.features import AUTOMATIC, RECORDED, SUBTASK, SUCCESS
from robo.data.frames import FrameStore
from robo.data.lerobot_reader import Dataset

HOST: Final = "127.0.0.1"
JPEG_QUALITY: Final = 88
KINDS: Final = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}


class SetView:
    """The page's data on one dataset. Thread-safe.

    Args:
        dataset: The dataset.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self._stores = {camera: FrameStore(dataset, camera) for camera in dataset.cameras}
        self._lock = threading.Lock()

    def overview(self) -> dict[str, Any]:
        """The dataset, its episodes and the columns that can be plotted."""
        dataset = self.dataset
        return {
            "name": dataset.root.resolve().name,
            "fps": dataset.fps,
            "frames": len(dataset),
            "cameras": dataset.cameras,
            "columns": {key: dataset.features[key].names for key in self.columns()},
            "episodes": [_episode_row(episode, dataset.fps) for episode in dataset.episodes],
        }

    def columns(self) -> list[str]:
        """Keys of the dataset's own numeric columns, the action first."""
        features = self.dataset.features
        own = [k for k, f in features.items() if f.is_numeric and k not in AUTOMATIC | RECORDED]
        return sorted(own, key=lambda key: (key != "action", key))

    def episode(self, number: int) -> dict[str, Any]:
        """An episode's columns, labels and success, as lists.

        Raises:
            IndexError: There is no such episode.
            DatasetError: The dataset is damaged.
        """
        dataset = self.dataset
        episode = _chosen(dataset, number)
        rows = slice(episode.start, episode.stop)
        with self._lock:
            columns = {
                key: np.atleast_2d(dataset.column(key)[rows].T.astype(float)).round(5).tolist()
                for key in self.columns()
            }
            success = dataset.column(SUCCESS)[rows].tolist() if SUCCESS in dataset.features else []
            return {"columns": columns, "labels": self.stretches(number), "success": success}

    def stretches(self, number: int) -> list[dict[str, Any]]:
        """An episode's stretches of one skill label each, in frames of the episode."""
        dataset = self.dataset
        if SUBTASK not in dataset.features or not dataset.labels:
            return []
        episode = _chosen(dataset, number)
        numbers = dataset.column(SUBTASK)[episode.start : episode.stop]
        begins = np.flatnonzero(np.append(True, numbers[1:] != numbers[:-1]))
        ends = np.append(begins[1:], len(numbers))
        return [
            {"text": dataset.labels[int(numbers[begin])], "begin": int(begin), "end": int(end)}
            for begin, end in zip(begins, ends, strict=True)
            if 0 <= numbers[begin] < len(dataset.labels)
        ]

    def image(self, number: int, frame: int, camera: str) -> np.ndarray:
        """A camera image, (H, W, 3) uint8.

        Raises:
            IndexError: There is no such episode or frame.
            KeyError: There is no such camera.
        """
        episode = _chosen(self.dataset, number)
        if not 0 <= frame < episode.length:
            raise IndexError(f"episode {number} has {episode.length} frames")
        with self._lock:
            images = self._stores[camera].images(np.array([episode.start + frame]))
        return np.asarray(images[0])


class ViewServer:
    """Serves the page on a dataset below `/<token>/`, on loopback only.

    Args:
        view: The dataset.
        port: Port to listen on; any free one when 0.

    Attributes:
        address: The page's address, with its token.

    Raises:
        OSError: The port is taken.
    """

    def __init__(self, view: SetView, port: int = 0) -> None:
        token = secrets.token_urlsafe(18)
        self._server = http.server.ThreadingHTTPServer((HOST, port), _handler(view, token))
        self._server.daemon_threads = True
        self.address = f"http://{HOST}:{self._server.server_address[1]}/{token}/"

    def serve(self) -> None:
        """Serve until `stop` is called from another thread, or Ctrl-C."""
        self._server.serve_forever(poll_interval=0.2)

    def stop(self) -> None:
        """End `serve`."""
        self._server.shutdown()
        self._server.server_close()


def _handler(view: SetView, token: str) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            _, given, *rest = self.path.partition("?")[0].split("/")
            if not compare_digest(given.encode(), token.encode()) or not rest:
                text = b"This page opens only with its full address, as the terminal shows it.\n"
                self._answer(http.HTTPStatus.FORBIDDEN, "text/plain", text)
                return
            try:
                kind, body = _answer(view, rest)
            except (IndexError, KeyError, ValueError):
                self._answer(http.HTTPStatus.NOT_FOUND, "text/plain", b"not here\n")
            except DatasetError as error:
                self._answer(http.HTTPStatus.CONFLICT, "text/plain", str(error).encode())
            else:
                self._answer(http.HTTPStatus.OK, kind, body)

        def _answer(self, status: http.HTTPStatus, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("Referrer-Policy", "no-referrer")
            self.send_header("X-Frame-Options", "DENY")
            with contextlib.suppress(ConnectionError):  # the page has gone
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing."""

    return Handler


def _answer(view: SetView, path: list[str]) -> tuple[str, bytes]:
    match path:
        case [""]:
            return _file("view.html")
        case ["set.json"]:
            return _json(view.overview)
        case ["episode", number]:
            return _json(lambda: view.episode(int(number)))
        case ["frame", number, frame, camera]:
            image = view.image(int(number), int(frame), camera)
            colours = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
            _, data = cv2.imencode(".jpg", colours, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
            return "image/jpeg", data.tobytes()
        case [name]:
            return _file(name)
    raise KeyError


def _json(content: Callable[[], Any]) -> tuple[str, bytes]:
    return "application/json", json.dumps(content()).encode()


def _file(name: str) -> tuple[str, bytes]:
    kind = KINDS[name.rpartition(".")[2]]
    file = resources.files("robo.recording").joinpath("page", name)
    if not file.is_file():
        raise KeyError(name)
    return kind, file.read_bytes()


def _chosen(dataset: Dataset, number: int) -> Episode:
    if not 0 <= number < len(dataset.episodes):
        raise IndexError(f"the dataset has {len(dataset.episodes)} episodes")
    return dataset.episodes[number]


def _episode_row(episode: Episode, fps: int) -> dict[str, Any]:
    info = episode.info
    facts = {
        "device": info.device,
        "seed": "" if info.seed is None else str(info.seed),
        "recorded": info.recorded_at,
        "environment": info.environment,
        "rule": info.success_rule_version,
        "commit": info.git_commit[:10],
        "note": info.operator_note,
        "restored": "after a cut" if info.restored else "",
    }
    return {
        "index": episode.index,
        "task": " · ".join(episode.tasks),
        "frames": episode.length,
        "seconds": episode.length / fps,
        "success": info.success,
        "facts": {name: value for name, value in facts.items() if value},
    }
