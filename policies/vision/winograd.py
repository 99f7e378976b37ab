"""3x3 convolutions with a quarter of the multiplications: F(4x4, 3x3) of Lavin and Gray 2016.

(arXiv 1509.09308, section 4.3.) A 4x4 tile of outputs needs 6x6 pixels. Pixels and kernels are
mapped linearly to 36 numbers each; there a convolution is one matrix product over channels for each
of the 36, and the products are mapped back. The gradients use the same maps transposed, and both
start from the same 36 numbers of the output's gradient. Results equal the direct computation to a
relative 1e-5. It pays with many channels, as the pixels' map costs the same for any number of
outputs, and on CPUs, whose libraries have only direct convolutions in float32.
"""

from typing import Any, Final

import torch
from torch import Tensor
from torch.nn import functional

TILE: Final = 4
SEEN: Final = TILE + 2
MIN_CHANNELS: Final = 128
MIN_PIXELS: Final = 16 * TILE**2
"""Least image size: below, edge tiles that are mostly padding cancel the gain."""

_PIXELS: Final = (
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
_KERNEL: Final = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
_RESULT: Final = (
    (1, 1, 1, 1, 1, 0),
    (0, 1, -1, 2, -2, 0),
    (0, 1, 1, 4, 4, 0),
    (0, 1, -1, 8, -8, 1),
)


def _both_ways(matrix: tuple[tuple[float, ...], ...]) -> Tensor:
    """The map of a flattened square that applies the matrix to its columns and its rows."""
    one = torch.tensor(matrix, dtype=torch.float64)
    return torch.kron(one, one).float()


PIXELS: Final = _both_ways(_PIXELS)
KERNEL: Final = _both_ways(_KERNEL)
RESULT: Final = _both_ways(_RESULT)


def has_channels(weight: Tensor) -> bool:
    """Whether a kernel (outputs, inputs, 3, 3) is on a CPU and wide enough."""
    return weight.device.type == "cpu" and min(weight.shape[:2]) >= MIN_CHANNELS


def pays(image: Tensor, weight: Tensor) -> bool:
    """Whether `convolve` is worthwhile for an image (n, inputs, h, w)."""
    return (
        has_channels(weight)
        and image.dtype == weight.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and image.shape[2] * image.shape[3] >= MIN_PIXELS
    )


def mapped_kernel(weight: Tensor) -> Tensor:
    """(outputs, inputs, 3, 3) to (36, inputs, outputs)."""
    outputs, inputs = weight.shape[:2]
    flat = weight.permute(2, 3, 1, 0).reshape(9, inputs * outputs)
    return (KERNEL @ flat).view(SEEN**2, inputs, outputs)


def convolve(image: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """As `functional.conv2d(image, weight, bias, stride=1, padding=1)`.

    Args:
        image: (n, inputs, h, w), fastest with channels last.
        weight: (outputs, inputs, 3, 3).
        bias: (outputs,); it gets no gradient.

    Returns:
        (n, outputs, h, w), channels last.
    """
    result: Tensor = _Product.apply(image, mapped_kernel(weight), bias)  # type: ignore[no-untyped-call]
    return result


def with_mapped(image: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """`convolve` with a kernel from `mapped_kernel`, without gradients."""
    return _from_products(torch.bmm(_tiles(image), kernel), image.shape, bias)


class _Product(torch.autograd.Function):
    """`convolve` with a mapped kernel, keeping the mapped pixels for the backward pass."""

    @staticmethod
    def forward(context: Any, image: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
        pixels = _tiles(image)
        context.save_for_backward(pixels, kernel)
        context.shape = image.shape
        return _from_products(torch.bmm(pixels, kernel), image.shape, bias)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, None]:
        pixels, kernel = context.saved_tensors
        n, _, height, width = context.shape
        rows, columns = -(-height // TILE), -(-width // TILE)
        below, right = rows * TILE - height, columns * TILE - width
        if below or right:
            gradient = functional.pad(gradient, (0, right, 0, below))
        outputs = gradient.shape[1]
        squares = (
            gradient.permute(0, 2, 3, 1)
            .reshape(n, rows, TILE, columns, TILE, outputs)
            .permute(2, 4, 0, 1, 3, 5)
            .reshape(TILE**2, -1)
        )
        products = (RESULT.mT @ squares).view(SEEN**2, -1, outputs)
        of_kernel = torch.bmm(pixels.mT, products)
        if not context.needs_input_grad[0]:
            return None, of_kernel, None
        of_pixels = torch.bmm(products, kernel.mT).view(SEEN**2, -1)
        seen = (PIXELS.mT @ of_pixels).view(SEEN, SEEN, n, rows, columns, -1)
        seen = seen.permute(2, 3, 0, 4, 1, 5)
        # Adjacent tiles share two rows or columns, where their gradients add up.
        whole = seen.new_zeros(n, rows + 1, TILE, columns + 1, TILE, seen.shape[-1])
        whole[:, :-1, :, :-1] = seen[:, :, :TILE, :, :TILE]
        whole[:, 1:, :2, :-1] += seen[:, :, TILE:, :, :TILE]
        whole[:, :-1, :, 1:, :2] += seen[:, :, :TILE, :, TILE:]
        whole[:, 1:, :2, 1:, :2] += seen[:, :, TILE:, :, TILE:]
        padded = whole.view(n, (rows + 1) * TILE, (columns + 1) * TILE, -1)
        return padded[:, 1 : height + 1, 1 : width + 1].permute(0, 3, 1, 2), of_kernel, None


def _tiles(image: Tensor) -> Tensor:
    """(n, c, h, w) to the mapped pixels (36, tiles, c)."""
    n, channels, height, width = image.shape
    rows, columns = -(-height // TILE), -(-width // TILE)
    edges = (1, columns * TILE + 1 - width, 1, rows * TILE + 1 - height)
    padded = functional.pad(image, edges).permute(0, 2, 3, 1).contiguous()
    per_image, per_row, per_pixel, _ = padded.stride()
    seen = padded.as_strided(
        (SEEN, SEEN, n, rows, columns, channels),
        (per_row, per_pixel, per_image, TILE * per_row, TILE * per_pixel, 1),
    )
    return (PIXELS @ seen.reshape(SEEN**2, -1)).view(SEEN**2, -1, channels)


def _from_products(products: Tensor, shape: torch.Size, bias: Tensor) -> Tensor:
    """Products (36, tiles, outputs) to outputs (n, outputs, h, w), for an image of this shape."""
    n, _, height, width = shape
    rows, columns = -(-height // TILE), -(-width // TILE)
    outputs = products.shape[-1]
    squares = (RESULT @ products.view(SEEN**2, -1)).view(TILE, TILE, n, rows, columns, outputs)
    result = torch.empty(
        (n, outputs, height, width), dtype=products.dtype, memory_format=torch.channels_last
    )
    whole = result.permute(0, 2, 3, 1)
    cropped = height % TILE or width % TILE
    if cropped:
        whole = products.new_empty(n, rows * TILE, columns * TILE, outputs)
    torch.add(
        squares.permute(2, 3, 0, 4, 1, 5),
        bias,
        out=whole.view(n, rows, TILE, columns, TILE, outputs),
    )
    if cropped:
        result.copy_(whole[:, :height, :width].permute(0, 3, 1, 2))
    return result
