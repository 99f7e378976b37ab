"""JSON over HTTP to a language model server: timeouts, retries and readable errors."""

from __future__ import annotations

import http.client
import ipaddress
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

from planners.language_models.base import PromptTooLongError, ServerError

ATTEMPTS = 3
_ATTEMPTS_SLOW = 2  # timeouts are long, so one retry is enough
_FIRST_PAUSE = 0.25  # seconds before the second attempt; doubles
_LONGEST_PAUSE = 5.0  # seconds, even if the server asks for more
_LARGEST_ANSWER = 64 * 2**20  # bytes
_TRY_AGAIN = frozenset({429, 500, 502, 503, 504})


class Transport:
    """Requests to one server.

    Attributes:
        address: scheme, host and port, for messages.
    """

    def __init__(self, address: str, *, key: str | None = None, timeout: float = 120.0) -> None:
        """Prepare requests without sending any.

        Args:
            address: "http://HOST:PORT", or https.
            key: bearer token; redirects are not followed, so it goes nowhere else.
            timeout: seconds per response, from the request to the last byte.
        """
        self.address = address
        self._timeout = timeout
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"
        handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
        if _is_loopback(urllib.parse.urlsplit(address).hostname or ""):
            handlers.append(urllib.request.ProxyHandler({}))  # a proxy cannot reach this machine
        self._opener = urllib.request.build_opener(*handlers)

    def get(self, path: str) -> Any:
        """The JSON at `path`; see `post`."""
        return self._ask(path, None)

    def post(self, path: str, content: Mapping[str, Any]) -> Any:
        """The JSON response to `content` posted to `path`.

        Raises:
            ServerError: down, slow or wrong, after up to `ATTEMPTS` attempts where a retry may
                help; `RejectedError` if the server does not accept such a request.
            PromptTooLongError: the server reports that its context is too short.
        """
        return self._ask(path, json.dumps(content).encode())

    def _ask(self, path: str, body: bytes | None) -> Any:
        pause = _FIRST_PAUSE
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._ask_once(path, body)
            except _TransientError as failure:
                if attempt >= failure.attempts:
                    raise ServerError(str(failure)) from None
                time.sleep(min(max(pause, failure.wait), _LONGEST_PAUSE))
                pause *= 2
        raise AssertionError("unreachable")

    def _ask_once(self, path: str, body: bytes | None) -> Any:
        request = urllib.request.Request(self.address + path, body, self._headers)
        deadline = time.monotonic() + self._timeout
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                answer = self._read(response, deadline)
        except urllib.error.HTTPError as error:
            with error:
                raise self._refusal(path, error) from None
        except TimeoutError:
            raise self._slow() from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, TimeoutError):
                raise self._slow() from None
            raise _TransientError(
                f"no language model answers at {self.address} ({reason or type(error).__name__}); "
                "start the server or correct the address."
            ) from None
        try:
            return json.loads(answer)
        except ValueError:
            raise ServerError(
                f"{self.address}{path} did not answer with JSON; "
                "give the address of an OpenAI-compatible server (http://HOST:PORT/v1)."
            ) from None

    def _read(self, response: Any, deadline: float) -> bytes:
        parts: list[bytes] = []
        size = 0
        while part := response.read1(2**16):
            parts.append(part)
            size += len(part)
            if size > _LARGEST_ANSWER:
                raise ServerError(
                    f"{self.address} answers with more than {_LARGEST_ANSWER >> 20} MiB; "
                    "it is not a language model's server, correct the address."
                )
            if time.monotonic() > deadline:
                raise TimeoutError
        return b"".join(parts)

    def _slow(self) -> _TransientError:
        return _TransientError(
            f"{self.address} did not answer within {self._timeout:g} s; "
            "use a faster server or a smaller model.",
            attempts=_ATTEMPTS_SLOW,
        )

    def _refusal(self, path: str, error: urllib.error.HTTPError) -> Exception:
        """The error that an HTTP error response stands for."""
        try:
            text = error.read(2**16).decode(errors="replace")
        except (OSError, http.client.HTTPException):
            text = ""
        said = _message(text) or error.reason or "no reason given"
        if error.code in (400, 413, 422) and "context" in said.lower():
            return PromptTooLongError(
                f"the prompt is too long for the server at {self.address} ({said}); shorten it."
            )
        if error.code in (401, 403):
            return ServerError(
                f"{self.address} refuses access ({error.code}: {said}); "
                "set ROBO_LLM_API_KEY to its key."
            )
        line = f"{self.address}{path} answered {error.code}: {said}"
        if error.code in _TRY_AGAIN:
            wait = error.headers.get("Retry-After", "")
            return _TransientError(
                f"{line}; try again later or look at the server's log.",
                float(wait) if wait.isdecimal() else 0.0,
            )
        kind = RejectedError if error.code in (400, 422, 501) else ServerError
        return kind(f"{line}; correct the address or the model's name.")


class RejectedError(ServerError):
    """The server understood the request but does not accept it as it is."""


class _TransientError(Exception):
    """A failure worth retrying, up to `attempts` in all; the server asked to `wait` (seconds)."""

    def __init__(self, message: str, wait: float = 0.0, attempts: int = ATTEMPTS) -> None:
        super().__init__(message)
        self.wait = wait
        self.attempts = attempts


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Turns redirects, which would take the key along, into errors with their status."""

    def redirect_request(self, *_arguments: Any) -> None:
        """Follow no redirect."""


def _message(text: str) -> str:
    """The reason given in an error's body, on one line, at most 200 characters."""
    try:
        content = json.loads(text)
        error = content.get("error", content)
        text = str(error.get("message", error) if isinstance(error, dict) else error)
    except (ValueError, AttributeError):
        pass  # not JSON: the text itself is the reason
    return " ".join(text.split())[:200]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
