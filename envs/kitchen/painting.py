"""Tools to paint images: RGB, uint8, shape (height, width, 3); the first row is the top."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Colour = tuple[int, int, int]

WHITE: Final[Colour] = (250, 250, 250)


def canvas(colour: Colour, height: int = 128, width: int = 256) -> Image:
    """An image of one colour."""
    return np.full((height, width, 3), colour, dtype=np.uint8)


def write(
    image: Image, text: str, centre: tuple[int, int], height: int, colour: Colour, bold: int = 4
) -> None:
    """Write text of a given height in pixels around a centre (column, row)."""
    font = cv2.FONT_HERSHEY_DUPLEX
    scale = height / 22.0
    (width, rows), _ = cv2.getTextSize(text, font, scale, bold)
    origin = (centre[0] - width // 2, centre[1] + rows // 2)
    cv2.putText(image, text, origin, font, scale, colour, bold, cv2.LINE_AA)


def disc(image: Image, centre: tuple[int, int], radius: int, colour: Colour) -> None:
    """Paint a filled circle around a centre (column, row)."""
    cv2.circle(image, centre, radius, colour, -1, cv2.LINE_AA)
