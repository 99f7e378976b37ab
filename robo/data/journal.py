"""The journal of the episode that is being recorded: it survives a cut at any byte.

One file, only ever appended to, of records that each carry their length and a checksum:

| kind | content |
|---|---|
| H | the head, JSON: episode index, fps, features, task, `EpisodeInfo` |
| L | a new skill label, JSON string; labels count from 0 in order of appearance |
| P | a compressed image: camera (u16), flags (u16, 1 = keyframe), packet |
| F | a frame's numbers, one row of `features.row_dtype`; `subtask_index` counts the labels above |
| E | the end, JSON: what is known only then; the episode is finished |

A frame's packets stand before its F record and go to the file in one write with it, so a journal
cut anywhere gives whole frames up to the cut.
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
    """A record of JSON."""
    text = json.dumps(content, ensure_ascii=False, default=lambda scalar: scalar.item())
    return record(kind, text.encode())


def packet_record(camera: int, packet: Packet) -> bytes:
    """A record of a compressed image."""
    return record(PACKET, _PACKET.pack(camera, _KEYFRAME * packet.keyframe) + packet.data)


@dataclass(frozen=True)
class Journal:
    """What a journal holds.

    Attributes:
        head: The head's content.
        features: The set's features.
        rows: The numbers of its whole frames, a structured array (n,).
        labels: Skill labels by the rows' `subtask_index`.
        packets: By camera key, n compressed images.
        end: The end's content; None of an episode that was cut off.
        torn: Bytes behind the last whole record.
    """

    head: dict[str, Any]
    features: Features
    rows: np.ndarray
    labels: list[str]
    packets: dict[str, list[Packet]]
    end: dict[str, Any] | None
    torn: int


def read_journal(path: Path) -> Journal:
    """Read the whole records of a journal; a torn tail is left out.

    Raises:
        DatasetFormatError: Not even the head is whole: there was nothing recorded yet.
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
    """Kind, start and stop of each whole record's payload, up to the first that is not whole."""
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
