"""Configuration of RT-1, with presets: the paper's, one for two CPU cores, one for our kitchen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, ClassVar, Final, Literal, Self

from policies.base import ACTION, PolicyConfig
from policies.errors import PolicyError
from policies.rt1.residual_encoder import GROUP
from policies.rt1.transformer import Sees

_SMALL: Final[Mapping[str, Any]] = {
    "image_size": (96, 96),
    "use_state": True,
    "summary": True,
    "chunk": 20,
    "executed": 5,
    "segment": 8,
    "encoder": "residual",
    "encoder_widths": (32, 64, 128, 192),
    "condition": 128,
    "width": 256,
    "layers": 4,
    "heads": 4,
    "head_width": 64,
    "ffn_width": 512,
    "frames_see": "own",
    "decoding": "expectation",
    "mean_weight": 1.0,
    "path_weight": 2.0,
    "shift": 1,
}
_KITCHEN: Final[Mapping[str, Any]] = {
    **_SMALL,
    "unused": (*range(7, 14), 28, 29, 30),  # velocities
    "categorical": (10,),
    "ends": (10, 2),
    "medians": (6,),
    "path": (0, 1, 2, 3, 4, 5, 7, 8, 9),
    "path_of": "sent_action",
    "aim_weight": 4.0,
    "aim_ends": 6,
    "aim_told": True,
    "pointing": True,
    "words_dropout": 0.2,
}
"""For the paper's eleven action dimensions: six of the hand's motion, its opening, three of the
base, the mode (whose third value is "terminate"); and for the state's 31."""


@dataclass(frozen=True, kw_only=True)
class RT1Config(PolicyConfig):
    """Configuration of RT-1; the defaults are the paper's.

    Attributes:
        use_state: Whether vector inputs become one more token per frame; if not, they are dropped.
        unused: Dimensions of these vectors to leave out, such as velocities, which tempt a policy
            to continue its current motion.
        history: Images that an action depends on; 1 is the ablation without history.
        chunk: Actions predicted at once. The next action alone mostly repeats the last one, which
            the state reveals: a policy that predicts no more learns to ignore both images and
            instruction.
        executed: Actions executed of each chunk; None for all. The next image is taken after them:
            at 10 Hz and 5 of them, 6 images span 3 s, as in the paper.
        segment: Frames in a training sample, `executed` apart, all supervised.
        encoder: "efficientnet_b3" or "residual".
        encoder_widths: For "residual": channels after the stem and after each block.
        encoder_strides: For "residual": stride of each block.
        image_tokens: Tokens per image.
        summary: Whether the state token also encodes each whole image, see
            `policies.vision.grid_summary`, and action tokens start from it; not in the paper, whose
            features are pretrained.
        pointing: Whether the state token also encodes where the named thing is in each image, see
            `pointing.py`; not in the paper.
        condition: Width of the condition that encodes the instruction.
        words_dropout: Dropout rate of an instruction's tokens and of their features, see
            `instruction.py`.
        width, layers, heads, head_width, ffn_width, dropout, frames_see: See `Transformer`.
        bins: Bins per action dimension.
        categorical: Action dimensions that are categories, such as a mode.
        action_low, action_high: Bounds of the actions; the data's if empty.
        actions: "tokens", or "continuous": the ablation that regresses actions instead.
        decoding: "argmax", the likeliest bin, or "expectation", the mean over bins. Where
            demonstrations often pause, "no motion" is the likeliest bin even when it is unlikely,
            and a policy that takes it stands still for ever.
        medians: Action dimensions that take the median over bins instead of the mean: a hand that
            may or may not have to close should not half close.
        ends: Action dimension and its category that ends a skill, such as (10, 2). No single moment
            of a slow ending is likely, so that category is never the likeliest: the skill ends once
            the chance that it ends within the executed part of a chunk reaches `ends_at`.
        ends_at: See `ends`.
        mean_weight: Weight of the squared error of the mean over bins, in standard deviations of
            the actions, added to the cross-entropy. The latter ignores the distance between bins:
            each is learnt separately, and the mean of 256 of them stays poor for long.
        path: Action dimensions that are motions, which from an image on add up to the robot's path.
            None by default, as actions may also be positions; `path_weight` applies to these alone.
        path_weight: Weight of the squared error of the path that the means over bins add up to.
            In disturbed demonstrations every action also corrects the last disturbance, which no
            image shows; the path itself is clean.
        path_of: Feature whose motions add up to the path: with disturbances, the executed actions.
        aim_weight: Weight of the error in predicting from single frames where the motions in `path`
            will have led when the hand next closes or opens; see `aims.py`.
        aim_steps: Maximum number of actions that this looks ahead.
        aim_ends: Action dimension that is the hand's opening.
        aim_told: Whether this prediction is fed, as numbers, into the prediction of actions.
        shift: Largest random shift of a training segment's images, in pixels.
        eyes_rate: Learning rate of the eyes (see `eyes.py`) relative to the rest's. Eyes
            trained on many rooms forget them for the few in the demonstrations.
    """

    use_state: bool = False
    unused: tuple[int, ...] = ()
    history: int = 6
    chunk: int = 1
    executed: int | None = None
    segment: int = 12
    encoder: Literal["efficientnet_b3", "residual"] = "efficientnet_b3"
    encoder_widths: tuple[int, ...] = (64, 64, 128, 192)
    encoder_strides: tuple[int, ...] = (2, 2, 1)
    image_tokens: int = 8
    summary: bool = False
    pointing: bool = False
    condition: int = 512
    words_dropout: float = 0.0
    width: int = 512
    layers: int = 8
    heads: int = 8
    head_width: int = 128
    ffn_width: int = 0
    dropout: float = 0.1
    frames_see: Sees = "earlier"
    bins: int = 256
    categorical: tuple[int, ...] = ()
    action_low: tuple[float, ...] = ()
    action_high: tuple[float, ...] = ()
    actions: Literal["tokens", "continuous"] = "tokens"
    decoding: Literal["argmax", "expectation"] = "argmax"
    medians: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()
    ends_at: float = 0.3
    mean_weight: float = 0.0
    path: tuple[int, ...] = ()
    path_weight: float = 0.0
    path_of: str = ACTION
    aim_weight: float = 0.0
    aim_steps: int = 80
    aim_ends: int = 0
    aim_told: bool = False
    shift: int = 0
    eyes_rate: float = 1.0

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "full": {"image_size": (300, 300)},
        "small": _SMALL,
        "kitchen": _KITCHEN,
    }

    @classmethod
    def for_dataset(
        cls,
        inputs: Mapping[str, tuple[int, ...]],
        action_size: int,
        preset: str | None = None,
        **overrides: Any,
    ) -> Self:
        """As `PolicyConfig.for_dataset`; vectors are dropped unless `use_state`."""
        preset_values = cls.presets.get(preset or "", {})
        if not overrides.get("use_state", preset_values.get("use_state", cls.use_state)):
            inputs = {key: shape for key, shape in inputs.items() if len(shape) == 3}
        return super().for_dataset(inputs, action_size, preset, **overrides)

    @property
    def pace(self) -> int:
        """Actions from one decision to the next."""
        return self.executed or self.chunk

    @property
    def needs(self) -> dict[str, tuple[int, ...]]:
        """Features that a dataset must have, including `path_of` if there is a `path`."""
        done = {self.path_of: (self.action_size,)} if self.path else {}
        return {**super().needs, **done}

    @property
    def state_size(self) -> int:
        """Total size of the vector inputs."""
        return sum(shape[0] for shape in self.inputs.values() if len(shape) == 1)

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            PolicyError: A value is invalid.
        """
        names = ("history", "chunk", "segment", "layers", "image_tokens", "heads", "width")
        weights = ("mean_weight", "path_weight", "aim_weight")
        self.check_numbers(
            {
                **dict.fromkeys((*names, "encoder_strides"), (1, inf)),
                **dict.fromkeys((*weights, "ffn_width", "eyes_rate"), (0, inf)),
                **dict.fromkeys(("bins", "head_width"), (2, inf)),
                "condition": (8, inf),
                **dict.fromkeys(("dropout", "words_dropout", "ends_at"), (0, 1)),
                "shift": (0, self.shortest_side),
            }
        )
        cameras = self.cameras
        sizes = {self.inputs[camera] for camera in cameras}
        bounds = {len(self.action_low), len(self.action_high)}
        rules = {
            "RT-1 needs at least one camera among its inputs": bool(cameras),
            "RT-1's cameras must have one size and three colours, set image_size": (
                len(sizes) == 1 and next(iter(sizes))[2] == 3
            ),
            "RT-1 needs images of 32 x 32 at least, raise image_size": all(
                min(size[:2]) >= 32 for size in sizes
            ),
            "other inputs than cameras must be vectors, leave out the rest": all(
                len(shape) in (1, 3) for shape in self.inputs.values()
            ),
            "vectors among RT-1's inputs need use_state, set it or leave them out": (
                self.use_state or len(cameras) == len(self.inputs)
            ),
            f"executed must be from 1 to the chunk, {self.chunk}": (
                self.executed is None or 1 <= self.executed <= self.chunk
            ),
            "unused must name numbers of the inputs' vectors and leave some": (
                not self.unused
                or (
                    min(self.unused) >= 0
                    and max(self.unused) < self.state_size
                    and len(set(self.unused)) < self.state_size
                )
            ),
            'encoder must be "efficientnet_b3" or "residual"': self.encoder
            in ("efficientnet_b3", "residual"),
            f"encoder_widths must be multiples of {GROUP}, one more than encoder_strides": (
                all(width > 0 and width % GROUP == 0 for width in self.encoder_widths)
                and len(self.encoder_widths) == len(self.encoder_strides) + 1
            ),
            'frames_see must be "own" or "earlier"': self.frames_see in ("own", "earlier"),
            'actions must be "tokens" or "continuous"': self.actions in ("tokens", "continuous"),
            'decoding must be "argmax" or "expectation"': self.decoding
            in ("argmax", "expectation"),
            "condition must be a multiple of 8 and head_width of 2": (
                self.condition % 8 == 0 and self.head_width % 2 == 0
            ),
            "ends must be a categorical number of the action and its category": (
                not self.ends
                or (
                    len(self.ends) == 2
                    and self.ends[0] in self.categorical
                    and 0 <= self.ends[1] < self.bins
                    and self.actions == "tokens"
                )
            ),
            "path_of must be no input": not self.path or self.path_of not in self.inputs,
            'path needs actions="tokens"': not self.path or self.actions == "tokens",
            "path must name numbers of the action that are not categorical": all(
                0 <= number < self.action_size and number not in self.categorical
                for number in self.path
            ),
            "aim_weight needs path, and path_of other than the actions": (
                not self.aim_weight or (bool(self.path) and self.path_of != ACTION)
            ),
            "aim_weight needs a state, summary or pointing, whose token says it": (
                not self.aim_weight or self.summary or self.pointing or self.state_size > 0
            ),
            "aim_told needs aim_weight": bool(self.aim_weight) or not self.aim_told,
            "medians must name numbers of the action that are not categorical": all(
                0 <= number < self.action_size and number not in self.categorical
                for number in self.medians
            ),
            'medians needs decoding="expectation" and actions="tokens"': (
                not self.medians or (self.decoding == "expectation" and self.actions == "tokens")
            ),
            f"aim_ends must be from 0 to {self.action_size - 1}, and aim_steps 1 at least": (
                0 <= self.aim_ends < self.action_size and self.aim_steps >= 1
            ),
            f"categorical must name numbers of the action, 0 to {self.action_size - 1}": all(
                0 <= number < self.action_size for number in self.categorical
            ),
            f"action_low and action_high must be empty or {self.action_size} numbers each": (
                bounds in ({0}, {self.action_size})
            ),
            "action_low must be below action_high": all(
                low < high for low, high in zip(self.action_low, self.action_high, strict=False)
            ),
        }
        broken = [rule for rule, holds in rules.items() if not holds]
        if broken:
            raise PolicyError(broken[0])
