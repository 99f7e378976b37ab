"""Painted labels of cans, bottles and bags, and the skins of fruit: see `painting`."""

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np

from envs.kitchen.painting import WHITE, Colour, Image, canvas, disc, write

_SILVER: Final[Colour] = (196, 200, 206)


def _can(image: Image) -> Image:
    """Bare metal at both ends of a can's label; the lid's middle is the first row."""
    image[:6] = _SILVER
    image[-4:] = _SILVER
    return image


def _around(paint: Callable[[Image, int], None], image: Image, copies: int = 2) -> Image:
    """The same motif repeated around the object, so that one faces the camera."""
    for copy in range(copies):
        paint(image, int(image.shape[1] * (copy + 0.5) / copies))
    return image


def _coke() -> Image:
    image = canvas((205, 8, 18))
    columns = np.arange(256)
    wave = (72 + 12 * np.sin(columns / 256 * 4 * np.pi)).astype(int)
    for column in columns:
        image[wave[column] - 11 : wave[column] + 11, column] = WHITE
    return _can(image)


def _pepsi() -> Image:
    def globe(image: Image, x: int) -> None:
        disc(image, (x, 64), 34, WHITE)
        cv2.ellipse(image, (x, 64), (31, 31), 0, 190, 350, (215, 20, 40), -1, cv2.LINE_AA)
        cv2.ellipse(image, (x, 64), (31, 31), 0, 10, 170, (0, 70, 170), -1, cv2.LINE_AA)

    return _can(_around(globe, canvas((0, 60, 165)), 3))


def _seven_up() -> Image:
    def dot(image: Image, x: int) -> None:
        disc(image, (x + 22, 50), 27, (225, 25, 35))
        write(image, "7", (x - 8, 66), 62, WHITE, 10)

    image = canvas((0, 125, 60))
    image[96:] = (250, 225, 40)
    return _can(_around(dot, image))


def _sprite() -> Image:
    def star(image: Image, x: int) -> None:
        disc(image, (x, 62), 30, (255, 235, 0))
        write(image, "S", (x, 62), 46, (0, 95, 170), 9)

    image = canvas((95, 205, 120))
    image[84:] = (0, 80, 175)
    image[:30] = (215, 235, 225)
    return _can(_around(star, image, 3))


def _redbull() -> Image:
    image = canvas((200, 205, 215))
    for half in range(2):
        left = 128 * half
        image[:64, left : left + 64] = (25, 45, 125)
        image[64:, left + 64 : left + 128] = (25, 45, 125)

    def bulls(image: Image, x: int) -> None:
        disc(image, (x, 64), 24, (255, 205, 0))
        cv2.ellipse(image, (x - 24, 66), (20, 11), 20, 0, 360, (215, 15, 35), -1, cv2.LINE_AA)
        cv2.ellipse(image, (x + 24, 66), (20, 11), -20, 0, 360, (215, 15, 35), -1, cv2.LINE_AA)

    return _can(_around(bulls, image))


def _bottle(liquid: Colour, label: Colour, cap: Colour, text: str, ink: Colour) -> Image:
    """Rows: cap 0-0.16, neck and shoulder to 0.38, then body with a label."""
    image = canvas(liquid)
    image[:24] = cap
    image[58:112] = label

    def word(image: Image, x: int) -> None:
        write(image, text, (x, 85), 34, ink, 6)

    return _around(word, image)


def _fruit_label(image: Image, skin: Colour, flesh: Colour) -> Image:
    """Slices of a citrus fruit on a bottle's label."""

    def slice_(image: Image, x: int) -> None:
        disc(image, (x, 85), 26, skin)
        disc(image, (x, 85), 20, flesh)
        for angle in np.linspace(0, np.pi, 4)[:-1]:
            reach = (20 * np.array([np.cos(angle), np.sin(angle)])).astype(int)
            start, end = (x - reach[0], 85 - reach[1]), (x + reach[0], 85 + reach[1])
            cv2.line(image, start, end, WHITE, 2, cv2.LINE_AA)

    return _around(slice_, image, 3)


def _lime_soda() -> Image:
    image = _bottle((170, 220, 70), (235, 250, 200), (30, 120, 40), "", WHITE)
    return _fruit_label(image, (60, 150, 30), (150, 215, 60))


def _grapefruit_soda() -> Image:
    image = _bottle((255, 130, 120), (255, 235, 225), (225, 60, 80), "", WHITE)
    return _fruit_label(image, (250, 150, 60), (240, 70, 95))


def _water() -> Image:
    image = _bottle((175, 215, 240), (30, 110, 200), (20, 85, 190), "H2O", WHITE)
    image[52:58] = WHITE
    image[112:118] = WHITE
    return image


def _tea() -> Image:
    """Top 0-0.25, then the sides."""
    violet, cream = (105, 55, 145), (250, 238, 205)
    image = canvas(violet, 128, 128)
    write(image, "TEA", (64, 16), 20, cream, 4)
    image[38:108, 14:114] = cream
    write(image, "TEA", (64, 88), 30, violet, 6)
    cv2.ellipse(image, (64, 56), (26, 12), -25, 0, 360, (45, 135, 40), -1, cv2.LINE_AA)
    return image


def _apple() -> Image:
    rng = np.random.default_rng(3)
    image = canvas((196, 22, 30))
    for _ in range(60):
        x, top = int(rng.integers(0, 256)), int(rng.integers(0, 50))
        colour = (228, 120, 50) if rng.random() < 0.5 else (165, 10, 22)
        cv2.line(image, (x, top), (x, top + int(rng.integers(15, 60))), colour, 1)
    image[:9] = (205, 150, 60)
    image[:4] = (85, 55, 25)
    image[122:] = (90, 60, 25)
    return image


def _orange() -> Image:
    rng = np.random.default_rng(5)
    image = canvas((247, 140, 18))
    for x, y in rng.integers(0, (256, 128), (350, 2)):
        image[y, x] = (225, 115, 5)
    image[:9] = (70, 125, 40)
    return image


def _banana() -> Image:
    image = canvas((250, 213, 45), 128, 64)
    image[:10] = (90, 65, 30)
    image[10:24] = (190, 195, 60)
    image[119:] = (75, 52, 28)
    image[:, 14:17] = (222, 180, 30)
    image[:, 46:49] = (222, 180, 30)
    for x, y in np.random.default_rng(7).integers((0, 30), (64, 115), (26, 2)):
        disc(image, (int(x), int(y)), 1, (150, 105, 35))
    return image


def _sponge() -> Image:
    """Top 0-0.5: scouring side; sides below: green over yellow."""
    rng = np.random.default_rng(11)
    image = canvas((252, 222, 70), 128, 128)
    for x, y in rng.integers((0, 86), (128, 128), (120, 2)):
        disc(image, (int(x), int(y)), int(rng.integers(1, 3)), (222, 180, 35))
    image[:86] = (45, 140, 75)
    noise = rng.integers(-22, 22, (86, 128, 1))
    image[:86] = np.clip(image[:86].astype(int) + noise, 0, 255)
    # The scourer ends before the edge, so yellow is also seen from above.
    image[:9] = image[55:64] = (252, 222, 70)
    image[:64, :10] = image[:64, -10:] = (252, 222, 70)
    return image


def _energy_bar() -> Image:
    """Top 0-0.6, then the sides; crimped silver ends."""
    image = canvas((92, 45, 22), 128, 256)
    image[14:62, 60:196] = (250, 160, 20)
    write(image, "BAR", (128, 38), 34, (70, 25, 10), 7)
    image[:, :30] = image[:, -30:] = (225, 185, 60)
    image[:, 30:36] = image[:, -36:-30] = (60, 25, 10)
    return image


def _bag(ground: Colour, seam: Colour) -> Image:
    image = canvas(ground, 160, 120)
    image[:12] = image[-12:] = seam
    return image


def _jalapeno() -> Image:
    image = _bag((40, 130, 35), (20, 80, 20))
    cv2.ellipse(image, (60, 95), (42, 17), -35, 0, 360, (165, 230, 60), -1, cv2.LINE_AA)
    cv2.line(image, (92, 72), (106, 56), (235, 225, 160), 7, cv2.LINE_AA)
    image[18:46] = (215, 30, 30)
    write(image, "HOT", (60, 32), 22, WHITE, 4)
    return image


def _multigrain() -> Image:
    image = _bag((176, 118, 56), (105, 62, 25))
    for angle in (-30, 0, 30):
        tip = (60 + int(1.3 * angle), 62)
        cv2.line(image, (60, 142), tip, (245, 215, 130), 5, cv2.LINE_AA)
        for step in np.linspace(0.0, 0.6, 5):
            x, y = int(tip[0] + step * (60 - tip[0])), int(tip[1] + step * (142 - tip[1]))
            for lean in (-50, 50):
                at = (x + (7 if lean > 0 else -7), y)
                cv2.ellipse(image, at, (9, 4), lean, 0, 360, (250, 225, 150), -1, cv2.LINE_AA)
    image[18:44] = (90, 48, 18)
    write(image, "GRAIN", (60, 31), 18, (255, 230, 170), 3)
    return image


def _rice() -> Image:
    rng = np.random.default_rng(13)
    image = _bag((248, 246, 238), (214, 60, 60))
    for x, y in rng.integers((14, 92), (106, 140), (34, 2)):
        angle, at = int(rng.integers(0, 180)), (int(x), int(y))
        cv2.ellipse(image, at, (8, 3), angle, 0, 360, (205, 180, 130), -1, cv2.LINE_AA)
    disc(image, (60, 55), 30, (214, 60, 60))
    write(image, "RICE", (60, 55), 19, WHITE, 3)
    return image


def _sea_salt() -> Image:
    image = _bag((120, 205, 215), (250, 250, 250))
    for row in (92, 112, 132):
        columns = np.arange(0, 121, 4)
        line = np.column_stack([columns, row + 7 * np.sin(columns / 9.0)]).astype(np.int32)
        cv2.polylines(image, [line], False, WHITE, 6, cv2.LINE_AA)
    image[20:74, 10:110] = WHITE
    write(image, "SEA", (60, 36), 20, (10, 110, 140), 4)
    write(image, "SALT", (60, 60), 20, (10, 110, 140), 4)
    return image


def _blue_bag() -> Image:
    image = _bag((20, 40, 165), (10, 20, 90))
    disc(image, (60, 82), 40, (250, 205, 30))
    cv2.ellipse(image, (60, 82), (28, 20), 20, 0, 360, (245, 165, 20), -1, cv2.LINE_AA)
    return image


LABELS: Final[Mapping[str, Callable[[], Image]]] = MappingProxyType(
    {
        "coke can": _coke,
        "pepsi can": _pepsi,
        "7up can": _seven_up,
        "sprite can": _sprite,
        "redbull can": _redbull,
        "lime soda": _lime_soda,
        "grapefruit soda": _grapefruit_soda,
        "tea": _tea,
        "water bottle": _water,
        "apple": _apple,
        "orange": _orange,
        "banana": _banana,
        "sponge": _sponge,
        "energy bar": _energy_bar,
        "jalapeno chips": _jalapeno,
        "multigrain chips": _multigrain,
        "rice chips": _rice,
        "sea salt chips": _sea_salt,
        "blue chip bag": _blue_bag,
    }
)
"""Painter of each object's image."""


@cache
def label(name: str) -> Image:
    """The image around an object. Do not modify it."""
    return LABELS[name]()
