"""A dependency-free reader of gguf files: metadata and tensors.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (version 3, little endian).
Only the tensor types of the embedded model are decoded: F32, F16, Q4_1 and Q8_0.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planners.language_models.base import ModelNotFoundError

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q"}
_SCALARS[12] = "d"
_STRING, _ARRAY = 8, 9
_TYPE_NAMES = {0: "F32", 1: "F16", 3: "Q4_1", 8: "Q8_0"}
_BLOCK = 32  # weights per quantised block
_BLOCK_BYTES = {3: 20, 8: 34}


class GgufFile:
    """A memory-mapped gguf file; tensors are decoded on demand.

    Attributes:
        metadata: key to number, string or list.
        shapes: tensor name to shape, outermost dimension first.
    """

    def __init__(self, path: Path) -> None:
        """Read the header.

        Raises:
            ModelNotFoundError: not a gguf file of version 2 or 3, or its header is truncated.
        """
        with path.open("rb") as file:
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._path, self._at = path, 0
        self.metadata: dict[str, Any] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self._places: dict[str, tuple[int, int]] = {}
        try:
            self._read_header()
        except (struct.error, UnicodeDecodeError, KeyError):
            raise ModelNotFoundError(
                f"{path} is not a whole gguf file; install or download it again."
            ) from None

    def _read_header(self) -> None:
        if self._bytes[:4] != b"GGUF":
            raise struct.error
        self._at = 4
        version, tensors, entries = self._unpack("<IQQ")
        if version not in (2, 3):
            raise struct.error
        for _ in range(entries):
            key = self._string()
            self.metadata[key] = self._value(self._unpack("<I")[0])
        for _ in range(tensors):
            name = self._string()
            (dimensions,) = self._unpack("<I")
            shape = self._unpack(f"<{dimensions}Q")
            self._places[name] = self._unpack("<IQ")
            self.shapes[name] = tuple(reversed(shape))
        alignment = int(self.metadata.get("general.alignment", 32))
        self._data = -(-self._at // alignment) * alignment

    def _unpack(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from(layout, self._bytes, self._at)
        self._at += struct.calcsize(layout)
        return values

    def _string(self) -> str:
        (length,) = self._unpack("<Q")
        start, self._at = self._at, self._at + length
        return self._bytes[start : self._at].decode()

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            element, length = self._unpack("<IQ")
            if element in (_STRING, _ARRAY):
                return [self._value(element) for _ in range(length)]
            return list(self._unpack(f"<{length}{_SCALARS[element]}"))
        return self._unpack(f"<{_SCALARS[kind]}")[0]

    def tensor(self, name: str) -> NDArray[np.float32]:
        """The tensor `name`, decoded to float32.

        Raises:
            ModelNotFoundError: an unsupported quantisation.
        """
        kind, offset = self._places[name]
        shape = self.shapes[name]
        size = int(np.prod(shape))
        start = self._data + offset
        if kind == 0:
            return np.frombuffer(self._bytes, "<f4", size, start).reshape(shape).copy()
        if kind == 1:
            half = np.frombuffer(self._bytes, "<f2", size, start)
            return half.astype(np.float32).reshape(shape)
        if kind not in _TYPE_NAMES:
            known = ", ".join(_TYPE_NAMES.values())
            raise ModelNotFoundError(
                f'the tensor "{name}" of {self._path} has gguf type {kind}; use one of {known}, '
                "or serve the file with llama-server and give its address."
            )
        width = _BLOCK_BYTES[kind]
        raw = np.frombuffer(self._bytes, np.uint8, size // _BLOCK * width, start)
        blocks = raw.reshape(-1, width)
        decode = _decode_q4_1 if kind == 3 else _decode_q8_0
        return decode(blocks).reshape(shape)


def _decode_q4_1(blocks: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Blocks [n, 20]: half scale d, half offset m, 32 nibbles q, low nibbles first; w = d q + m."""
    scale = blocks[:, 0:2].copy().view("<f2").astype(np.float32)
    offset = blocks[:, 2:4].copy().view("<f2").astype(np.float32)
    weights = np.empty((len(blocks), _BLOCK), np.float32)
    weights[:, :16] = blocks[:, 4:] & 15
    weights[:, 16:] = blocks[:, 4:] >> 4
    weights *= scale
    weights += offset
    return weights


def _decode_q8_0(blocks: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Blocks [n, 34]: half scale d, 32 signed bytes q; w = d q."""
    scale = blocks[:, 0:2].copy().view("<f2").astype(np.float32)
    weights = blocks[:, 2:].view(np.int8).astype(np.float32)
    weights *= scale
    return weights
