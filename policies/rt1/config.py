"""Numbers of RT-1, and presets: the paper's, one for two CPU cores, and that for our kitchen."""

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
"""Of the paper's eleven numbers: six of the hand's motion, its opening, three of the base, the mode
(whose third is "terminate"); and of the state's 31."""


@dataclass(frozen=True, kw_only=True)
class RT1Config(PolicyConfig):
    """Numbers of RT-1; the defaults are those of the paper.

    Attributes:
        use_state: Whether vectors among the inputs become one more token a frame; if not, they are
            no inputs.
        unused: Numbers of these vectors that are left out, such as velocities, which tempt to
            repeat what is being done.
        history: Images that an action depends on; 1 is the ablation without history.
        chunk: Actions that are predicted at once. The next one alone is mostly what the last one
            was, which the state tells: a policy that predicts no more learns neither to look nor
            to listen.
        executed: Actions that are carried out of a chunk; None is all of it. The next image is the
            one after them, so that at 10 Hz and 5 of them 6 images span 3 s, as in the paper.
        segment: Frames of a training sample, `executed` apart, all supervised.
        encoder: "efficientnet_b3" or "residual".
        encoder_widths: Of "residual": channels behind the stem and behind each block.
        encoder_strides: Of "residual": of each block.
        image_tokens: Tokens of an image.
        summary: Whether the token of the state also has each image as a whole, see
            `policies.vision.grid_summary`, and action tokens begin with it; not in the paper, whose
            features are pretrained.
        pointing: Whether where the named thing is in each image is told to the token of the state,
            see `pointing.py`; not in the paper.
        condition: Numbers in the condition that the instruction becomes.
        words_dropout: Share of an instruction's tokens that are hidden in training, and of the
            numbers of the others, see `instruction.py`.
        width, layers, heads, head_width, ffn_width, dropout, frames_see: See `Transformer`.
        bins: Values of an action token.
        categorical: Which numbers of an action count categories, such as a mode.
        action_low, action_high: Bounds of the actions; the data's, if empty.
        actions: "tokens", or "continuous": the ablation that regresses numbers instead.
        decoding: The likeliest bin, or the mean over bins. Where demonstrations often rest, "no
            motion" is the likeliest bin long before it is likely, and a policy that takes it stands
            still for ever.
        medians: Numbers of an action of which the median over bins is taken, not the mean: a hand
            that may have to close or not should not close by half.
        ends: Number of an action and its category that ends a skill, such as (10, 2). No one moment
            of a slow end is likely, so the likeliest category never comes: the skill is over when
            the chance that it is over within what is carried out of a chunk reaches `ends_at`.
        ends_at: See `ends`.
        mean_weight: Of the squared error of the mean over bins, in deviations of the actions, added
            to the cross-entropy. That knows nothing of near and far, each bin is learnt by itself,
            and the mean of 256 of them is poor for long.
        path: Numbers of an action that are motions: from an image on they add up to where the robot
            gets to. None by default, for an action may also be a place; `path_weight` counts with
            them alone.
        path_weight: Of the squared error of where the means over bins get to along a chunk. Where
            demonstrations are disturbed, every action also mends the last disturbance, which no
            image tells; where it all leads to is clean.
        path_of: Feature that motions are added up of: with disturbances, what was really done.
        aim_weight: Of how well each image alone tells where the motions in `path` will have led
            when the hand next closes or opens; see `aims.py`.
        aim_steps: How many actions on that is at most.
        aim_ends: Number of an action that is the hand's opening.
        aim_told: Whether what an image says so is told to what decides, as numbers.
        shift: Pixels that a training segment's images are shifted by at most.
        eyes_rate: Learning rate of what sees (see `eyes.py`), as a share of the rest's. Eyes that
            have learnt from many rooms forget them for the few of the demonstrations.
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
        """As `PolicyConfig.for_dataset`; vectors are left out unless `use_state`."""
        preset_values = cls.presets.get(preset or "", {})
        if not overrides.get("use_state", preset_values.get("use_state", cls.use_state)):
            inputs = {key: shape for key, shape in inputs.items() if len(shape) == 3}
        return super().for_dataset(inputs, action_size, preset, **overrides)

    @property
    def pace(self) -> int:
        """Actions between a decision and the next."""
        return self.executed or self.chunk

    @property
    def needs(self) -> dict[str, tuple[int, ...]]:
        """Features that a dataset must have: also what was really done."""
        done = {self.path_of: (self.action_size,)} if self.path else {}
        return {**super().needs, **done}

    @property
    def state_size(self) -> int:
        """Numbers in all vectors among the inputs."""
        return sum(shape[0] for shape in self.inputs.values() if len(shape) == 1)

    def __post_init__(self) -> None:
        """Refuse what cannot be built.

        Raises:
            PolicyError: A value is out of range.
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
