"""Dense labels, what is where in an image, from an encoder's features: a pretraining task.

An encoder trained on it knows things and where they are, and initialises policies
(`Policy.load_encoder`) as ImageNet weights do in the papers. `Pointing` is such a head too.
"""

from torch import Tensor, nn

FINER = 4
"""Label positions along each side of a cell of the feature map."""


class PlaceLabels(nn.Module):
    """Feature maps to label logits on a finer grid.

    Args:
        channels: Channels of the features.
        labels: Number of labels.
        hidden: Hidden channels.
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
