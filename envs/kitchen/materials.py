"""Painted floors, walls, worktops, wood, tiles and a view: see `painting`."""

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np

from envs.kitchen.painting import WHITE, Colour, Image, canvas


def _grain(image: Image, amount: float, seed: int, along: int = 1) -> Image:
    """Soft streaks, as in wood, along image axis `along`."""
    noise = np.random.default_rng(seed).normal(0.0, amount, image.shape[:2]).astype(np.float32)
    size = (1, 31) if along == 0 else (31, 1)
    streaks = 4.0 * cv2.blur(noise, size)[..., None]
    return np.asarray(np.clip(image.astype(np.float32) + streaks, 0, 255), dtype=np.uint8)


def _planks(colour: Colour, seed: int) -> Image:
    image = canvas(colour, 256, 256).astype(np.float32)
    rng = np.random.default_rng(seed)
    for row in range(8):
        shift = int(rng.integers(0, 256))
        shades = rng.uniform(0.90, 1.06, 2)
        for plank in range(2):
            columns = (np.arange(128) + 128 * plank + shift) % 256
            image[32 * row : 32 * (row + 1), columns] *= shades[plank]
            image[32 * row : 32 * (row + 1), columns[0]] *= 0.72
        image[32 * row] *= 0.72
    return _grain(np.clip(image, 0, 255).astype(np.uint8), 7.0, seed)


def _tiles(colour: Colour, grout: Colour, count: int, seed: int) -> Image:
    image = canvas(colour, 256, 256).astype(np.float32)
    step = 256 // count
    shades = np.random.default_rng(seed).uniform(0.95, 1.03, (count, count))
    image *= np.kron(shades, np.ones((step, step)))[..., None]
    lines = np.arange(0, 256, step)
    for offset in (0, 1, 2):
        image[lines + offset] = grout
        image[:, lines + offset] = grout
    return np.asarray(np.clip(image, 0, 255), dtype=np.uint8)


def _stone(colour: Colour, seed: int) -> Image:
    rng = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(rng.normal(0, 28, (128, 128)).astype(np.float32), (0, 0), 1.3)
    image = canvas(colour, 128, 128).astype(np.float32) + noise[..., None]
    return np.asarray(np.clip(image, 0, 255), dtype=np.uint8)


def _plain(colour: Colour) -> Image:
    return canvas(colour, 16, 16)


def _sky() -> Image:
    """The view from the window: sky over green hills."""
    rows = np.linspace(0.0, 1.0, 128)[:, None]
    sky = (1 - rows) * np.array([120, 180, 240]) + rows * np.array([225, 240, 252])
    image = np.repeat(sky[:, None], 192, axis=1).astype(np.uint8)
    for x, y, width in ((45, 32, 22), (62, 28, 16), (140, 48, 24), (156, 44, 14)):
        cv2.ellipse(image, (x, y), (width, 7), 0, 0, 360, WHITE, -1, cv2.LINE_AA)
    cv2.ellipse(image, (50, 140), (95, 44), 0, 0, 360, (120, 180, 95), -1, cv2.LINE_AA)
    cv2.ellipse(image, (150, 142), (85, 36), 0, 0, 360, (95, 160, 80), -1, cv2.LINE_AA)
    return image


VARIANTS: Final[Mapping[str, tuple[Callable[[], Image], ...]]] = MappingProxyType(
    {
        "floor": (
            lambda: _planks((205, 165, 120), 1),
            lambda: _planks((150, 112, 78), 2),
            lambda: _tiles((222, 214, 202), (176, 170, 160), 4, 3),
            lambda: _tiles((140, 152, 160), (108, 118, 124), 4, 4),
        ),
        "wall": (
            lambda: _plain((238, 232, 218)),
            lambda: _plain((214, 226, 222)),
            lambda: _plain((236, 220, 206)),
            lambda: _plain((222, 224, 232)),
        ),
        "worktop": (
            lambda: _stone((98, 102, 108), 5),
            lambda: _stone((205, 202, 196), 6),
            lambda: _grain(canvas((176, 134, 90), 128, 128), 9.0, 7),
        ),
        "wood": (
            lambda: _grain(canvas((204, 160, 112), 128, 128), 9.0, 8),
            lambda: _grain(canvas((150, 105, 70), 128, 128), 9.0, 9),
            lambda: _grain(canvas((228, 204, 170), 128, 128), 9.0, 10),
        ),
        "splash tiles": (lambda: _tiles((240, 242, 240), (205, 208, 206), 4, 12),),
        "view": (_sky,),
    }
)
"""Images of the room's materials; the first is the default, randomisation takes any."""


@cache
def variant(material: str, index: int) -> Image:
    """One image of a room material. Do not modify it."""
    return VARIANTS[material][index]()
