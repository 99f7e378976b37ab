"""All request builders, with their sampling weights."""

from typing import Final

from planners.finetune import requests, requests_drawers, requests_long, requests_more
from planners.finetune.synthetic import Builder

BUILDERS: Final[dict[Builder, float]] = {
    **requests.BUILDERS,
    **requests_drawers.BUILDERS,
    **requests_long.BUILDERS,
    **requests_more.BUILDERS,
}
