"""What is where in an image, said from an encoder's grid: a lesson in seeing.

Only for learning: an encoder that can say it knows its things and where they are, and policies
begin with it (`Policy.load_encoder`) as those of the papers begin with ImageNet's.
"""

from torch import Tensor, nn

FINER = 4
"""Labels are said for so many places along each side of a cell of the grid."""


class PlaceLabels(nn.Module):
    """Features of a grid to labels of a finer one.

    Args:
        channels: Of the features.
        labels: How many there are.
        hidden: Numbers in between.
    """

    def __init__(self, channels: int, labels: int, hidden: int = 256) -> None:
        super().__init__()
        self.say = nn.Sequential(
            nn.Conv2d(channels, hidden, 1),
            nn.ReLU(),
            nn.Conv2d(hidden, labels * FINER**2, 1),
            nn.PixelShuffle(FINER),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Features [n, channels, h, w] to logits [n, labels, FINER h, FINER w]."""
        result: Tensor = self.say(features)
        return result
