"""A terminal as screen and keyboard: camera images in half blocks, status lines, raw keys."""

import os
import select
import shutil
import sys
import termios
import time
import tty
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from robo.errors import UserError
from robo.recording.device import Phase, Status

DRAWN_HZ = 8
"""Highest rate of redrawing the screen within a phase."""

ESCAPES = {
    b"\x1b[A": "up", b"\x1b[B": "down", b"\x1b[C": "right", b"\x1b[D": "left",
    b"\x1bOA": "up", b"\x1bOB": "down", b"\x1bOC": "right", b"\x1bOD": "left",
}  # fmt: skip

Images = Sequence[NDArray[np.uint8]]


class Keys:
    """Keys from a terminal, read as they are pressed, without Enter.

    Ctrl-C still interrupts.

    Args:
        descriptor: The terminal's; standard input when None.

    Raises:
        UserError: It is not a terminal.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = sys.stdin.fileno() if descriptor is None else descriptor
        if not os.isatty(self._descriptor):
            raise UserError(
                "the keyboard needs a terminal, and standard input is none; "
                "run it in one or choose another --device"
            )
        self._before = termios.tcgetattr(self._descriptor)
        self._open = True
        self._rest = b""
        tty.setcbreak(self._descriptor, termios.TCSANOW)

    def read(self) -> list[str]:
        """Keys pressed since the last call: characters, or "up", "down", "left", "right", "esc"."""
        data, waited = self._rest, bool(self._rest)
        while select.select([self._descriptor], [], [], 0)[0]:
            more = os.read(self._descriptor, 1024)
            if not more:
                break
            data += more
            waited = False
        keys, self._rest = parse_keys(data, whole=waited)
        return keys

    def close(self) -> None:
        """Restore the terminal's settings."""
        if self._open:
            self._open = False
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)


def parse_keys(data: bytes, *, whole: bool) -> tuple[list[str], bytes]:
    """Keys in a terminal's bytes.

    Args:
        data: Bytes read.
        whole: Whether they are complete, so that a lone escape is the Escape key.

    Returns:
        The keys, and bytes that may begin another.
    """
    keys = []
    while data:
        if data[:3] in ESCAPES:
            keys.append(ESCAPES[data[:3]])
            data = data[3:]
        elif data[:1] != b"\x1b":
            keys.append(chr(data[0]).lower())
            data = data[1:]
        elif data[1:2] in (b"[", b"O"):
            end = next((i for i in range(2, len(data)) if 0x40 <= data[i] <= 0x7E), None)
            if end is None and not whole:
                break
            data = b"" if end is None else data[end + 1 :]  # a key not used here
        elif len(data) == 1 and not whole:
            break
        else:
            keys.append("esc")
            data = data[1:]
    return keys, data


class Screen:
    """Shows cameras and status on a terminal; does nothing without one.

    Args:
        help_lines: What the keys or buttons do.
        stream: The terminal; standard output when None.
    """

    def __init__(self, help_lines: Sequence[str], stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._help = tuple(help_lines)
        self._open = self._stream.isatty()
        self._drawn = 0.0
        self._phase: Phase | None = None
        if self._open:
            self._write("\x1b[?1049h\x1b[?25l\x1b[2J")

    def show(
        self, observation: Mapping[str, NDArray[Any]], status: Status, lines: Sequence[str]
    ) -> None:
        """Redraw, if it is time to.

        Args:
            observation: Its `images/<camera>` are shown.
            status: State of the session.
            lines: Lines that the device adds.
        """
        now = time.monotonic()
        if not self._open or (now - self._drawn < 1 / DRAWN_HZ and status.phase is self._phase):
            return
        self._drawn, self._phase = now, status.phase
        columns, rows = shutil.get_terminal_size()
        text = [*status_lines(status), *lines, *self._help]
        images = [image for key, image in observation.items() if key.startswith("images/")]
        picture = half_blocks(images, columns, rows - len(text) - 1) if images else []
        fitted = [line[:columns] for line in text][: max(1, rows - len(picture) - 1)]
        self._write(
            "\x1b[H" + "".join(f"{line}\x1b[K\n" for line in (*picture, *fitted)) + "\x1b[J"
        )

    def close(self) -> None:
        """Restore the terminal's content."""
        if self._open:
            self._open = False
            self._write("\x1b[?25h\x1b[?1049l")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def status_lines(status: Status) -> list[str]:
    """The session in two lines."""
    success = {None: "no rule", True: "SUCCESS", False: "not yet"}[status.success]
    return [
        f'{status.phase.upper()}  "{status.task}"  {success}  {status.message}',
        f"episode {status.episode}  {status.seconds:5.1f} s  {status.frames} frames  "
        f"{status.rate:.1f}/{status.fps} Hz  {status.missed} missed   "
        f"{status.kept} of {status.wanted} kept",
    ]


def half_blocks(images: Images, columns: int, rows: int) -> list[str]:
    """Images side by side as lines of text, two stacked pixels per character.

    Args:
        images: (H, W, 3) each.
        columns: Columns of the terminal.
        rows: Rows that may be used.
    """
    side = min((columns - 1) // len(images) - 1, 2 * rows)
    side -= side % 2
    if side < 8:
        return []
    shrunk = []
    for image in images:
        rows_at = np.arange(side) * image.shape[0] // side
        columns_at = np.arange(side) * image.shape[1] // side
        shrunk.append(image[rows_at][:, columns_at])
    whole = np.concatenate(shrunk, axis=1)
    lines = []
    for upper, lower in zip(whole[::2].tolist(), whole[1::2].tolist(), strict=True):
        cells = [
            f"\x1b[38;2;{a[0]};{a[1]};{a[2]}m\x1b[48;2;{b[0]};{b[1]};{b[2]}m▀"
            for a, b in zip(upper, lower, strict=True)
        ]
        lines.append("".join(cells) + "\x1b[0m")
    return lines
