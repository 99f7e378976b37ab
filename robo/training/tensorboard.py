"""Scalars in TensorBoard's event files, written without TensorBoard.

A file is a sequence of records (length, checksum, content, checksum), whose content is the protocol
buffer `Event` of tensorflow/core/util/event.proto, with only the fields that scalars need.
"""

import struct
import time
from collections.abc import Mapping
from pathlib import Path


class EventFile:
    """One event file of a run.

    Args:
        folder: Its folder; created if needed.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        now = time.time()
        self._file = (folder / f"events.out.tfevents.{now:.0f}.robo").open("wb")
        self._write(_event(now, 0, _bytes(3, b"brain.Event:2")))

    def add(self, step: int, scalars: Mapping[str, float], wall_time: float | None = None) -> None:
        """Write the scalars of a step, by tag."""
        values = b"".join(
            _bytes(1, _bytes(1, tag.encode()) + _key(2, 5) + struct.pack("<f", value))
            for tag, value in scalars.items()
        )
        self._write(
            _event(time.time() if wall_time is None else wall_time, step, _bytes(5, values))
        )
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, content: bytes) -> None:
        length = struct.pack("<Q", len(content))
        self._file.write(length + _checksum(length) + content + _checksum(content))


def _event(wall_time: float, step: int, rest: bytes) -> bytes:
    return _key(1, 1) + struct.pack("<d", wall_time) + _key(2, 0) + _varint(step) + rest


def _bytes(field: int, content: bytes) -> bytes:
    return _key(field, 2) + _varint(len(content)) + content


def _key(field: int, kind: int) -> bytes:
    return _varint(field << 3 | kind)


def _varint(value: int) -> bytes:
    result = bytearray()
    while value > 0x7F:
        result.append(value & 0x7F | 0x80)
        value >>= 7
    result.append(value)
    return bytes(result)


def _crc_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_CRC_TABLE = _crc_table()


def crc32c(content: bytes) -> int:
    """CRC-32C, the Castagnoli checksum (RFC 3720, appendix B.4)."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = crc >> 8 ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def _checksum(content: bytes) -> bytes:
    """The masked checksum that the files hold: rotated and offset."""
    crc = crc32c(content)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
