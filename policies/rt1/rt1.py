"""RT-1: Robotics Transformer (arXiv 2212.06817), to be read from top to bottom.

An image and an instruction become a feature map (an encoder with FiLM), the map becomes 8 tokens
(TokenLearner), the tokens of 6 images become one token per action dimension (transformer), and each
of these one of 256 bins (section 5.1, figure 3). The same code runs at two scales:

- `full`: the paper's, 300 x 300 images, EfficientNet-B3, 35M parameters, one camera.
- `small`: for two CPU cores, 96 x 96, three residual blocks, one or more cameras, the robot's state
  as one more token per frame, and chunks: every half second it predicts two seconds.

Training supervises every frame of a segment, so that an image is encoded once and not six times;
acting caches what was computed from earlier images and encodes only the new one. Both equal
computing each step from its six images, or fewer at the start of an episode or segment.

Beyond the paper: learnt position embeddings are added to the feature map, as a weighted mean over
positions loses them; the instruction is given as token features (see `instruction.py`); the state
token encodes the state and the instruction, as where to drive depends on words and pose and on no
image, and the position of the named thing (`pointing`); in training, images are shifted a little
(`shift`) and words dropped (`words_dropout`) at random.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor, nn

from policies.base import ACTION, INSTRUCTION, PAD, Batch, Observation, Policy, PolicyConfig
from policies.rt1.action_tokenizer import ActionTokenizer
from policies.rt1.aims import SHARP, Telling, aims, hand_changes
from policies.rt1.bins import of_bins
from policies.rt1.config import RT1Config
from policies.rt1.efficientnet import EfficientNetB3
from policies.rt1.eyes import is_eye, load_eyes
from policies.rt1.instruction import InstructionPooling
from policies.rt1.pointing import SAID, Pointing
from policies.rt1.residual_encoder import ResidualEncoder
from policies.rt1.token_learner import TokenLearner
from policies.rt1.transformer import Kept, Transformer
from policies.vision.augmentation import random_shift
from policies.vision.grid_summary import GridSummary


def image_encoder(config: RT1Config) -> EfficientNetB3 | ResidualEncoder:
    """The encoder of a configuration, with random weights."""
    encoder: EfficientNetB3 | ResidualEncoder = (
        EfficientNetB3(config.condition)
        if config.encoder == "efficientnet_b3"
        else ResidualEncoder(config.condition, config.encoder_widths, config.encoder_strides)
    )
    # Convolutions prefer channels last; torch's stubs lack it for modules.
    encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return encoder


class RT1(Policy):
    """The policy; its methods are in the order of computation."""

    name = "rt1"
    config_class = RT1Config
    config: RT1Config

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__(config)
        c = self.config
        self._vectors = tuple(key for key in c.inputs if key not in c.cameras)
        if c.instruction_width:
            self.instruction = InstructionPooling(
                c.instruction_width, c.condition, dropout=c.words_dropout
            )
        self.camera = nn.Parameter(torch.randn(len(c.cameras), c.condition) * 0.02)
        self.encoder = image_encoder(c)
        rows, columns = self.encoder.grid(*c.inputs[c.cameras[0]][:2])
        self.project = nn.Linear(self.encoder.channels, c.width)
        self.place = nn.Parameter(torch.randn(rows * columns, c.width) * 0.02)
        self.token_learner = TokenLearner(c.width, c.image_tokens)
        if self._vectors:
            used = sorted(set(range(c.state_size)) - set(c.unused))
            self.register_buffer("_used", torch.tensor(used), persistent=False)
            size = len(used) + (c.condition if c.instruction_width else 0)
            self.state = nn.Sequential(
                nn.Linear(size, c.width), nn.ReLU(), nn.Linear(c.width, c.width)
            )
        if c.pointing:
            self.points = Pointing(self.encoder.channels)
            told = SAID * len(c.cameras) + (size if self._vectors else 0)
            self.pointed = nn.Sequential(
                nn.Linear(told, c.width),
                nn.ReLU(),
                nn.Linear(c.width, c.width),
                nn.ReLU(),
                nn.Linear(c.width, c.width),
            )
        if c.summary:
            self.summaries = nn.ModuleList(
                GridSummary(self.encoder.channels, rows, columns, c.width) for _ in c.cameras
            )
        self.transformer = Transformer(
            width=c.width,
            layers=c.layers,
            heads=c.heads,
            head_width=c.head_width,
            ffn_width=c.ffn_width,
            history=c.history,
            slots=c.image_tokens * len(c.cameras) + bool(self._vectors or c.summary or c.pointing),
            queries=c.action_size,
            dropout=c.dropout,
            sees=c.frames_see,
            begun=c.summary,
        )
        self.head = nn.Linear(c.width, c.chunk * (c.bins if c.actions == "tokens" else 1))
        if c.aim_weight:
            self.aim = nn.Sequential(
                nn.Linear(c.width, c.width), nn.ReLU(), nn.Linear(c.width, len(c.path))
            )
        if c.aim_told:
            self.aimed = Telling(len(c.path), c.width)
        categorical = [number in c.categorical for number in range(c.action_size)]
        self.register_buffer("_categorical", torch.tensor(categorical), persistent=False)
        self.reset()

    def load_encoder(self, path: Path) -> None:
        """Load pretrained eyes: ImageNet's EfficientNet, or those of `robo train sight`."""
        if isinstance(self.encoder, EfficientNetB3):
            self.encoder.load(path)
        else:
            load_eyes(self, path)

    def optimizer_groups(self, learning_rate: float) -> list[dict[str, Any]]:
        """The eyes learn at `eyes_rate` times the rate of the rest."""
        if self.config.eyes_rate == 1:
            return super().optimizer_groups(learning_rate)
        eyes = [parameter for name, parameter in self.named_parameters() if is_eye(name)]
        rest = [parameter for name, parameter in self.named_parameters() if not is_eye(name)]
        return [
            {"params": rest, "lr": learning_rate},
            {"params": eyes, "lr": learning_rate * self.config.eyes_rate},
        ]

    def windows(self) -> dict[str, range]:
        """All features of a segment, centred on the sample's frame.

        An episode's first and last frames are then in half as many segments as the others; if
        segments ended at the sample's frame, the last would be in one instead of `segment`. The
        actions are those from the first image to the end of the last one's chunk.
        """
        segment, pace = self.config.segment, self.config.pace
        half = segment // 2
        seen = range(-half * pace, (segment - half) * pace, pace)
        done = range(seen[0], seen[-1] + self.config.chunk)
        windows = {**dict.fromkeys(self.config.inputs, seen), ACTION: done}
        if self.config.path:
            ahead = range(done[0], max(done[-1] + 1, seen[-1] + self.config.aim_steps))
            windows[self.config.path_of] = ahead if self.config.aim_weight else done
        return windows

    def condition(self, instruction: Tensor | None, is_pad: Tensor | None, n: int) -> Tensor:
        """Conditions [n, cameras, c] from token features [n, l, w]; if None, the cameras' alone."""
        if instruction is None:
            return self.camera.expand(n, -1, -1)
        return cast(Tensor, self.instruction(instruction, is_pad))[:, None] + self.camera

    def frame_tokens(
        self, inputs: Mapping[str, Tensor], condition: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Tokens of frames: `image_tokens` per camera and, if used, one for state and summary.

        Args:
            inputs: By key, vectors [n, size] and images [n, h, w, 3] uint8.
            condition: [n, cameras, c].

        Returns:
            Tokens [n, k, d], and the predicted aims [n, p], or None without an aim head.
        """
        cameras = self.config.cameras
        x = self._normalized(torch.stack([inputs[key] for key in cameras], 1))
        times = len(x) // len(cameras)
        # [n, h, w, 3] viewed as [n, 3, h, w] is channels_last, which convolutions prefer.
        grid = self.encoder(x.permute(0, 3, 1, 2), condition.flatten(0, 1))
        places = self.project(grid.flatten(2).transpose(1, 2)) + self.place
        tokens = cast(Tensor, self.token_learner(places))
        tokens = tokens.reshape(times, -1, self.config.width)
        more: list[Tensor] = []
        if self._vectors:
            vectors = [self.normalizer.normalize(key, inputs[key]) for key in self._vectors]
            vectors = [torch.cat(vectors, -1)[:, cast(Tensor, self._used)]]
            if self.config.instruction_width:
                vectors.append((condition - self.camera)[:, 0])
            more.append(self.state(torch.cat(vectors, -1)))
        if self.config.pointing:
            said = self.points(grid).view(times, -1)
            known = vectors if self._vectors else []
            more.append(self.pointed(torch.cat([said, *known], -1)))
        if self.config.summary:
            grids = grid.unflatten(0, (times, len(cameras))).unbind(1)
            more.extend(sum_up(each) for sum_up, each in zip(self.summaries, grids, strict=True))
        if not more:
            return tokens, None
        last = torch.stack(more).sum(0)
        said = cast(Tensor, self.aim(last)) if self.config.aim_weight else None
        if said is not None and self.config.aim_told:
            last = last + self.aimed(said.detach())
        return torch.cat([tokens, last[:, None]], 1), said

    def _normalized(self, pictures: Tensor) -> Tensor:
        """Images [n, cameras, h, w, 3] uint8 to floats [n · cameras, h, w, 3], per camera."""
        stats = [
            [self.normalizer.buffer(key, name) for key in self.config.cameras]
            for name in ("mean", "std")
        ]
        mean, std = (torch.stack(each) for each in stats)
        # Tiled, as broadcasting over three channels is ten times slower on a CPU.
        tiles = (1, 1, pictures.shape[-2])
        scale, shift = (each[:, None].tile(tiles) for each in (1 / (255 * std), -mean / std))
        rows = pictures.flatten(-2).float().mul_(scale).add_(shift)
        return rows.view(pictures.shape).flatten(0, 1)

    def outputs(self, batch: Batch) -> Tensor:
        """Outputs of the head for a batch's segments: [b, t, k, m, bins], or [..., 1].

        t frames, k actions per chunk, m dimensions per action.
        """
        return self._said(self._seen(batch)[0], batch)

    def _seen(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Tokens of a batch's frames, [b, t, tokens, d], and their predicted aims, [b, t, p]."""
        inputs = {key: batch[key] for key in self.config.inputs}
        b, t = batch[self.config.cameras[0]].shape[:2]
        if self.training and self.config.shift:
            for key in self.config.cameras:
                inputs[key] = random_shift(inputs[key], self.config.shift, repeat_edges=False)
        condition = self.condition(batch.get(INSTRUCTION), batch.get(INSTRUCTION + PAD), b)
        frames = {key: value.flatten(0, 1) for key, value in inputs.items()}
        tokens, said = self.frame_tokens(frames, condition.repeat_interleave(t, 0))
        aims_said = None if said is None else said.view(b, t, -1)
        return tokens.view(b, t, *tokens.shape[1:]), aims_said

    def _said(self, tokens: Tensor, batch: Batch) -> Tensor:
        return self._of_chunks(self.head(self.transformer(tokens, self._present(batch))))

    def _present(self, batch: Batch) -> Tensor:
        """Mask of a batch's frames that are in the episode, [b, t]."""
        camera = batch[self.config.cameras[0]]
        present = torch.ones(camera.shape[:2], dtype=torch.bool, device=camera.device)
        for key in self.config.inputs:
            if key + PAD in batch:
                present = present & ~batch[key + PAD]
        return present

    def _chunks(self, actions: Tensor) -> Tensor:
        """Each frame's chunk, [b, t, ..., k], of a segment's actions [b, n, ...]."""
        return actions.unfold(1, self.config.chunk, self.config.pace)

    def _of_chunks(self, outputs: Tensor) -> Tensor:
        """Outputs of the head [..., m, k · bins] as [..., k, m, bins]."""
        return torch.unflatten(outputs, -1, (self.config.chunk, -1)).transpose(-2, -3)

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy of the action tokens (section 5.1), or the squared error if continuous.

        Returns:
            The mean over action values, padding counting as zero, so that every real one weighs the
            same in every batch and process, plus the weighted terms of the configuration. And
            means over non-padding: `accuracy` (share of target tokens that are the likeliest),
            `error` (of means over bins, in standard deviations of the actions; if continuous, in
            halves of the range), `path` (of the paths of means, in deviations of a random walk of
            such actions), `aim` (see `_astray`) and `clipped` (share of values out of bounds).
        """
        tokens, said = self._seen(batch)
        outputs = self._said(tokens, batch)
        actions = self._chunks(batch[ACTION]).movedim(-1, 2)
        real = torch.ones_like(actions, dtype=torch.bool)
        if ACTION + PAD in batch:
            real = real & ~self._chunks(batch[ACTION + PAD])[..., None]
        # Actions before the episode's first image were not chosen from any image.
        real = real & self._present(batch)[..., None, None]
        weights = real / real.sum().clamp_min(1)
        tokenizer = self.tokenizer()
        parts = {"clipped": (tokenizer.outside(actions) * weights).sum()}
        if self.config.actions == "continuous":
            difference = outputs.float().squeeze(-1) - tokenizer.to_unit(actions)
            each = difference.square()
            parts["error"] = (difference.abs() * weights).sum()
        else:
            # In the memory order of the head's outputs, [b, t, m, k, bins].
            wanted = tokenizer.encode(actions).transpose(-1, -2)
            bins = of_bins(outputs.transpose(-2, -3).flatten(0, -2), wanted.flatten())
            each, place, right = (part.view_as(wanted).transpose(-1, -2) for part in bins)
            parts["accuracy"] = (right * weights).sum()
            if self.config.mean_weight or self.config.path_weight:
                means = tokenizer.low + place * (tokenizer.high - tokenizer.low)
                square, path = self._distances(means, actions, batch)
                each = each + self.config.mean_weight * square + self.config.path_weight * path
                parts["error"] = (square * weights).sum().sqrt()
                if self.config.path:
                    parts["path"] = (path * weights).sum().sqrt()
        total = (each * real).mean()
        if said is not None:
            miss, present = self._astray(said, batch), self._present(batch)
            parts["aim"] = (miss * present).sum() / present.sum().clamp_min(1)
            total = total + self.config.aim_weight * (miss * present).mean()
        return total, {key: part.detach() for key, part in {"loss": total, **parts}.items()}

    def _distances(self, means: Tensor, actions: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Squared errors of means over bins and of their paths, both [b, t, k, m].

        Args:
            means: [b, t, k, m], k steps of a chunk.
            actions: The targets, of the same shape.
            batch: Has `config.path_of`, the executed actions.

        Returns:
            Errors from the actions, in their standard deviations; and of the motions summed from
            the chunk's start to each step, in standard deviations times the root of the steps. Zero
            for constant and categorical dimensions; the second also for those not in `config.path`.
        """
        tokenizer, deviation = self.tokenizer(), self.normalizer.buffer(ACTION, "std")
        changes = (tokenizer.high > tokenizer.low) & ~tokenizer.categorical
        inside = actions.clamp(tokenizer.low, tokenizer.high)
        square = ((means - inside) / deviation).square() * changes
        if not self.config.path:
            return square, torch.zeros_like(square)
        done = self._chunks(batch[self.config.path_of][:, : batch[ACTION].shape[1]]).movedim(-1, 2)
        steps = torch.arange(1, self.config.chunk + 1, device=means.device)[:, None]
        astray = (means - done).cumsum(2) / (deviation * steps.sqrt())
        adds_up = torch.zeros_like(changes)
        adds_up[list(self.config.path)] = True
        return square, astray.square() * (adds_up & changes)

    def _astray(self, said: Tensor, batch: Batch) -> Tensor:
        """Smooth L1 error of the aims predicted from each frame.

        They are predicted before the transformer, so from that frame alone.

        Args:
            said: Predicted aims [b, t, p], in standard deviations of the actions times the root of
                `aim_steps`.
            batch: Has `config.path_of`.

        Returns:
            [b, t].
        """
        c, tokenizer = self.config, self.tokenizer()
        done, numbers = batch[c.path_of], list(c.path)
        real = torch.ones(done.shape[:2], dtype=torch.bool, device=done.device)
        if c.path_of + PAD in batch:
            real = real & ~batch[c.path_of + PAD]
        span = (tokenizer.high - tokenizer.low)[c.aim_ends]
        starts = range(0, said.shape[1] * c.pace, c.pace)
        sudden = hand_changes(done[..., c.aim_ends], span)
        wanted = aims(done, real, numbers, sudden, starts, c.aim_steps)
        scale = self.normalizer.buffer(ACTION, "std")[numbers] * c.aim_steps**0.5
        miss = F.smooth_l1_loss(said.float(), wanted / scale, reduction="none", beta=SHARP)
        return miss.mean(-1)

    def reset(self, seed: int = 0) -> None:
        """Start an episode: clear the history."""
        self._kept: Kept = deque()
        self._instruction: Tensor | None = None
        self._condition: Tensor | None = None

    @torch.inference_mode()
    def act(self, observation: Observation) -> NDArray[np.float32]:
        """The next `pace` actions (j, m); only the new image is encoded.

        A new instruction clears the history: earlier images were encoded with the old one.

        Raises:
            PolicyError: The observation does not fit.
        """
        inputs = self.tensors(observation)
        instruction = inputs.pop(INSTRUCTION, None)
        if self._condition is None or not _same(instruction, self._instruction):
            self.reset()
            batched = None if instruction is None else instruction[None]
            self._instruction, self._condition = instruction, self.condition(batched, None, 1)
        frame = {key: value[None] for key, value in inputs.items()}
        tokens, _ = self.frame_tokens(frame, self._condition)
        output = self.head(self.transformer.step(tokens[0], self._kept))
        outputs = self._of_chunks(output)[: self.config.pace]
        return self._ended(self.decode(outputs), outputs).cpu().numpy().astype(np.float32)

    def decode(self, outputs: Tensor) -> Tensor:
        """Actions [..., m] of the head's outputs [..., m, bins], or [..., m, 1]."""
        tokenizer = self.tokenizer()
        if self.config.actions == "continuous":
            return tokenizer.from_unit(outputs.float().squeeze(-1))
        if self.config.decoding == "expectation":
            return tokenizer.expectation(outputs, self.config.medians)
        return tokenizer.decode(outputs.argmax(-1))

    def _ended(self, actions: Tensor, outputs: Tensor) -> Tensor:
        """Actions [k, m] of logits [k, m, bins], with `config.ends` set once it is likely.

        Nothing is learnt beyond a skill's end, so predicted is the chance that it ends with an
        action given that it has not ended before.
        """
        if self.config.ends:
            number, category = self.config.ends
            chance = outputs[:, number].float().softmax(-1)[:, category]
            over = 1 - (1 - chance).cumprod(0) >= self.config.ends_at
            actions[over, number] = self.tokenizer().low[number] + category
        return actions

    def tokenizer(self) -> ActionTokenizer:
        """The tokenizer for the configured action bounds or, without any, the data's."""
        c = self.config
        low, high = (self.normalizer.buffer(ACTION, name) for name in ("min", "max"))
        if c.action_low:
            low, high = (low.new_tensor(bounds) for bounds in (c.action_low, c.action_high))
        return ActionTokenizer(low, high, cast(Tensor, self._categorical), c.bins)


def _same(a: Tensor | None, b: Tensor | None) -> bool:
    return a is b or (a is not None and b is not None and torch.equal(a, b))
