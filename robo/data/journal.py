"""The journal of the episode being recorded, which survives truncation at any byte.

One append-only file of records, each with its length and a checksum:

| kind | content |
|---|---|
| H | the header, JSON: episode index, fps, features, task, `EpisodeInfo` |
| L | a new skill label, JSON string; labels are numbered from 0 in order of appearance |
| P | a compressed image: camera (u16), flags (u16, 1 = keyframe), packet |
| F | a frame's numeric values, one row of `features.row_dtype`; `subtask_index` is an L number |
| E | the end, JSON: what is known only then; the episode is finished |

A frame's packets come before its F record and are written together with it, so a journal truncated
anywhere yields whole frames up to that point.
"""

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from robo.data.errors import DatasetFormatError
from robo.data.features import Feature, Features, cameras_of, row_dtype

MAGIC = b"ROBOJRN1"
_RECORD = struct.Struct("<IIB")
_PACKET = struct.Struct("<HH")
_KEYFRAME = 1

HEAD, LABEL, PACKET, FRAME, END = b"HLPFE"


class Packet(NamedTuple):
    """A compressed image."""

    data: bytes
    keyframe: bool


def record(kind: int, payload: bytes) -> bytes:
    """A record's bytes."""
    checksum = zlib.crc32(payload, kind)
    return _RECORD.pack(checksum, len(payload), kind) + payload


def json_record(kind: int, content: object) -> bytes:
    """A JSON record's bytes."""
    text = json.dumps(content, ensure_ascii=False, default=lambda scalar: scalar.item())
    return record(kind, text.encode())


def packet_record(camera: int, packet: Packet) -> bytes:
    """The bytes of a compressed image's record."""
    return record(PACKET, _PACKET.pack(camera, _KEYFRAME * packet.keyframe) + packet.data)


@dataclass(frozen=True)
class Journal:
    """A journal's content.

    Attributes:
        head: Content of the header.
        features: The dataset's features.
        rows: Numeric values of its whole frames, a structured array (n,).
        labels: Skill labels by the rows' `subtask_index`.
        packets: n compressed images per camera key.
        end: Content of the end record; None for an episode that was cut short.
        torn: Bytes after the last whole record.
    """

    head: dict[str, Any]
    features: Features
    rows: np.ndarray
    labels: list[str]
    packets: dict[str, list[Packet]]
    end: dict[str, Any] | None
    torn: int


def read_journal(path: Path) -> Journal:
    """Read a journal's whole records; a torn tail is left out.

    Raises:
        DatasetFormatError: Not even the header is whole: nothing was recorded yet.
    """
    data = path.read_bytes()
    records = _records(data)
    kind, start, stop = next(records, (0, 0, 0))
    if kind != HEAD:
        raise DatasetFormatError(f"{path} holds no frames: it was cut before its head was written")
    head = json.loads(data[start:stop])
    features = {key: Feature.from_json(key, entry) for key, entry in head["features"].items()}
    cameras = cameras_of(features)
    dtype = row_dtype(features)
    rows: list[bytes] = []
    labels: list[str] = []
    packets: dict[str, list[Packet]] = {key: [] for key in cameras}
    end: dict[str, Any] | None = None
    last = stop
    for kind, start, stop in records:
        last = stop
        if kind == FRAME:
            rows.append(data[start:stop])
        elif kind == PACKET:
            number, flags = _PACKET.unpack_from(data, start)
            packet = Packet(data[start + _PACKET.size : stop], bool(flags & _KEYFRAME))
            packets[cameras[number]].append(packet)
        elif kind == LABEL:
            labels.append(json.loads(data[start:stop]))
        elif kind == END:
            end = json.loads(data[start:stop])
    frames = min([len(rows), *map(len, packets.values())])
    return Journal(
        head=head,
        features=features,
        rows=np.frombuffer(b"".join(rows[:frames]), dtype),
        labels=labels,
        packets={key: images[:frames] for key, images in packets.items()},
        end=end,
        torn=len(data) - last,
    )


def _records(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Kind, start and stop of each record's payload, up to the first that is not whole."""
    if not data.startswith(MAGIC):
        return
    place = len(MAGIC)
    while place + _RECORD.size <= len(data):
        checksum, length, kind = _RECORD.unpack_from(data, place)
        start, stop = place + _RECORD.size, place + _RECORD.size + length
        if stop > len(data) or zlib.crc32(data[start:stop], kind) != checksum:
            return
        yield kind, start, stop
        place = stop
