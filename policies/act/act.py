"""ACT, Action Chunking with Transformers (Zhao et al. 2023, arXiv 2304.13705).

How the paper's parts map to this file:

- Chunks and temporal ensembling (section IV-A): `ACT.act`, `temporal_ensemble.py`.
- The conditional VAE (section IV-B, algorithm 1): `ACT.posterior` encodes a demonstrated chunk and
  the state into a 32-dimensional latent for the style of the demonstration; at test time the
  latent is the prior's mean, zero (algorithm 2). The VAE sees no images, for speed.
- The policy (section IV-C, figure 4, appendix C): `ACT.observe` makes tokens of the state and
  ResNet features, `ACT.decode` turns these and the latent into the actions of the chunk.
- The loss, L1 + 10 · KL (algorithm 1, appendix C): `ACT.loss`.

The paper's table III lists 7 decoder layers; its public code reads the first one's output and so
trains no others, hence 1 in `full`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from policies.act.temporal_ensemble import TemporalEnsemble
from policies.act.transformer import (
    DecoderLayer,
    EncoderLayer,
    GridPositions,
    sine_positions,
)
from policies.base import ACTION, INSTRUCTION, PAD, Batch, Observation, Policy, PolicyConfig
from policies.errors import PolicyError
from policies.instruction_pool import InstructionPool
from policies.vision.augmentation import random_shift
from policies.vision.grid_summary import GridSummary
from policies.vision.resnet import (
    RESNET18_WIDTHS,
    Kernels,
    Norm,
    ResNet,
    check_widths,
    load_backbone,
)


@dataclass(frozen=True, kw_only=True)
class ACTConfig(PolicyConfig):
    """Sizes of ACT; the defaults are the paper's (table III).

    Attributes:
        chunk: Actions predicted at once, k; 1 is plain behaviour cloning.
        ensemble_decay: Decay of temporal ensembling, which predicts at every step; None, as in
            `small`, turns it off: a lightly trained policy's predictions disagree from step to
            step, and their mean hovers (12% on transfer cube, where whole chunks reach 92%).
        executed: Actions executed of each chunk without ensembling; None for all.
        width: Token width.
        heads: Attention heads.
        feedforward: Hidden width of the feed-forward layers.
        encoder_layers: Layers of the policy's encoder.
        decoder_layers: Layers of the policy's decoder; all are used, see the module.
        vae: Whether to train the conditional VAE; without it the latent is always zero.
        vae_layers: Layers of the VAE's encoder.
        latent: Size of the latent.
        kl_weight: Weight of the KL term.
        dropout: Dropout rate in training.
        pre_norm: Whether layer norms come before attention; after it, as in the paper, the
            transformer only learns at the paper's low rate, for days.
        backbone: Channels of the ResNet's stages; the default is ResNet-18.
        backbone_norm: "frozen_batch" with ImageNet weights, "group" from random ones.
        backbone_rate: Learning rate of the backbone relative to the rest's.
        positions: What positions are added to: only the attention "keys" of image tokens, as in
            the paper, or the "tokens" themselves, so that values carry them too. Without
            pretrained features the latter locates things from far fewer examples.
        summary: Whether each image also gives a summary token, from which the decoder's queries
            start, see `policies.vision.grid_summary`; not in the paper, which has pretrained
            features.
        image_shift: Largest random image shift in training, in pixels; 0 in the paper.
    """

    chunk: int = 100
    ensemble_decay: float | None = 0.01
    executed: int | None = None
    width: int = 512
    heads: int = 8
    feedforward: int = 3200
    encoder_layers: int = 4
    decoder_layers: int = 1
    vae: bool = True
    vae_layers: int = 4
    latent: int = 32
    kl_weight: float = 10.0
    dropout: float = 0.1
    pre_norm: bool = False
    backbone: tuple[int, ...] = RESNET18_WIDTHS
    backbone_norm: Norm = "frozen_batch"
    backbone_rate: float = 1.0
    positions: Literal["keys", "tokens"] = "keys"
    summary: bool = False
    image_shift: int = 0

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "full": {"image_size": (480, 640)},
        "small": {
            "image_size": (96, 128),
            "width": 192,
            "heads": 6,
            "feedforward": 512,
            "encoder_layers": 3,
            "vae_layers": 2,
            "ensemble_decay": None,
            "backbone": (32, 64, 128),
            "backbone_norm": "group",
            "pre_norm": True,
            "positions": "tokens",
            "summary": True,
        },
    }

    def __post_init__(self) -> None:
        if not self.inputs:
            raise PolicyError("ACT needs a state or a camera; the dataset has neither")
        names = ("chunk", "width", "heads", "feedforward", "decoder_layers", "vae_layers", "latent")
        self.check_numbers(
            {
                **dict.fromkeys((*names, "backbone"), (1, inf)),
                **dict.fromkeys(("encoder_layers", "ensemble_decay"), (0, inf)),
                **dict.fromkeys(("kl_weight", "backbone_rate"), (0, inf)),
                "dropout": (0, 1),
                "image_shift": (0, self.shortest_side),
            }
        )
        check_widths(self.backbone, self.backbone_norm)
        if self.executed is not None and not 1 <= self.executed <= self.chunk:
            raise PolicyError(
                f"executed is {self.executed}; it must be from 1 to the chunk, {self.chunk}"
            )
        if self.positions not in ("keys", "tokens"):
            raise PolicyError(f'positions is "{self.positions}"; it must be "keys" or "tokens"')
        if self.width % (4 * self.heads):
            raise PolicyError(
                f"width is {self.width}; it must be a multiple of 4 · heads, {4 * self.heads}"
            )

    @property
    def vectors(self) -> tuple[str, ...]:
        """Keys of the inputs that make up the state."""
        return tuple(key for key, shape in self.inputs.items() if len(shape) == 1)


class ACT(Policy):
    """Images and state to a chunk of actions."""

    name = "act"
    config_class = ACTConfig
    config: ACTConfig

    def __init__(self, config: ACTConfig) -> None:
        super().__init__(config)
        width = config.width
        layer = (width, config.heads, config.feedforward, config.dropout, config.pre_norm)
        state = sum(config.inputs[key][0] for key in config.vectors)

        self.encoder = nn.ModuleList(EncoderLayer(*layer) for _ in range(config.encoder_layers))
        self.decoder = nn.ModuleList(DecoderLayer(*layer) for _ in range(config.decoder_layers))
        self.memory_norm = nn.LayerNorm(width) if config.pre_norm else None
        self.decoder_norm = nn.LayerNorm(width)
        self.queries = nn.Embedding(config.chunk, width)
        self.action_head = nn.Linear(width, config.action_size)

        self.latent_input = nn.Linear(config.latent, width)
        self.state_input = nn.Linear(state, width) if state else None
        self.instruction_input = (
            InstructionPool(config.instruction_width, width) if config.instruction_width else None
        )
        vectors = 1 + bool(state) + bool(config.instruction_width)
        self.vector_positions = nn.Embedding(vectors, width)

        self.backbone: ResNet | None = None
        if config.cameras:
            self.backbone = ResNet(config.backbone, config.backbone_norm)
            self.image_input = nn.Conv2d(self.backbone.channels, width, 1)
        self.summaries: nn.ModuleList | None = None
        if self.backbone is not None and config.summary:
            self.summaries = nn.ModuleList(
                GridSummary(
                    self.backbone.channels, *self.backbone.grid(*config.inputs[camera][:2]), width
                )
                for camera in config.cameras
            )
            self.summary_positions = nn.Embedding(len(config.cameras), width)
        # The public code has none: there, only their images tell cameras apart.
        several = len(config.cameras) > 1
        self.camera_positions = nn.Embedding(len(config.cameras), width) if several else None

        if config.vae:
            self.vae_encoder = nn.ModuleList(EncoderLayer(*layer) for _ in range(config.vae_layers))
            self.vae_class = nn.Embedding(1, width)
            self.vae_state_input = nn.Linear(state, width) if state else None
            self.vae_action_input = nn.Linear(config.action_size, width)
            self.vae_output = nn.Linear(width, 2 * config.latent)
            positions = sine_positions(1 + bool(state) + config.chunk, width)
            self.register_buffer("vae_positions", positions, persistent=False)

        self._ensemble: TemporalEnsemble | None = None
        if config.ensemble_decay is not None:
            self._ensemble = TemporalEnsemble(config.chunk, config.ensemble_decay)
        self._kernels: Kernels | None = None
        self._image_positions = GridPositions(width)

    def windows(self) -> dict[str, range]:
        """The current inputs and the chunk that starts now."""
        now = {key: range(1) for key in self.config.inputs}
        return {**now, ACTION: range(self.config.chunk)}

    def load_encoder(self, path: Path) -> None:
        """Load ResNet weights from a file, see `policies.vision.resnet`.

        Raises:
            PolicyError: There is no camera, or the file does not fit.
        """
        if self.backbone is None:
            raise PolicyError("this ACT has no camera, so no backbone to load weights into")
        load_backbone(self.backbone, path)

    def posterior(self, state: Tensor | None, actions: Tensor, padded: Tensor) -> Tensor:
        """The VAE's encoder (algorithm 1): mean and log-variance of the latent.

        Args:
            state: (b, n), normalised.
            actions: (b, k, m), normalised.
            padded: (b, k) bool; these actions are masked out.

        Returns:
            (b, 2 · latent).
        """
        tokens = [self.vae_class.weight.expand(len(actions), 1, -1)]
        if self.vae_state_input is not None:
            assert state is not None
            tokens.append(self.vae_state_input(state)[:, None])
        ignored = functional.pad(padded, (len(tokens), 0))
        hidden = torch.cat((*tokens, self.vae_action_input(actions)), 1)
        for index, layer in enumerate(self.vae_encoder):
            last = index + 1 == len(self.vae_encoder)
            hidden = layer(hidden, self.vae_positions, ignored, 1 if last else None)
        result: Tensor = self.vae_output(hidden[:, 0])
        return result

    def image_tokens(self, images: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Tokens of the cameras' images and their positions.

        Args:
            images: One per camera, (b, h, w, 3), normalised.

        Returns:
            Tokens (b, t, d) and positions (t, d).
        """
        assert self.backbone is not None
        same = all(image.shape == images[0].shape for image in images)
        kernels = None if torch.is_grad_enabled() else self._kernels
        features: list[Tensor] = []
        wholes: list[Tensor] = []
        for stack in [torch.cat(images)] if same else images:
            seen = self.backbone(stack.permute(0, 3, 1, 2), kernels)
            features.extend(self.image_input(seen).split(len(images[0])))
            if self.summaries is not None:
                here = self.summaries[len(wholes) :]
                each = seen.split(len(images[0]))
                wholes.extend(here[i](maps) for i, maps in enumerate(each))
        positions = [self._image_positions.of(maps) for maps in features]
        if self.camera_positions is not None:
            cameras = self.camera_positions.weight
            positions = [grid + cameras[i] for i, grid in enumerate(positions)]
        tokens = torch.cat([maps.flatten(2).mT for maps in features], 1)
        where = torch.cat(positions)
        if self.config.positions == "tokens":
            tokens = tokens + where
        if wholes:
            tokens = torch.cat([tokens, torch.stack(wholes, 1)], 1)
            where = torch.cat([where, self.summary_positions.weight])
        return tokens, where

    def observe(self, batch: Batch, state: Tensor | None) -> tuple[list[Tensor], list[Tensor]]:
        """All inputs of the encoder except the latent.

        Args:
            batch: With images [b, 1, h, w, 3] and instructions.
            state: (b, n), normalised.

        Returns:
            Groups of tokens (b, t, d), and positions (t, d) of these and, first, of the latent.
        """
        tokens: list[Tensor] = []
        if self.state_input is not None:
            tokens.append(self.state_input(state)[:, None])
        if self.instruction_input is not None:
            ignored = batch.get(INSTRUCTION + PAD)
            tokens.append(self.instruction_input(batch[INSTRUCTION], ignored)[:, None])
        positions = [self.vector_positions.weight]
        if self.backbone is not None:
            images = [
                self.normalizer.normalize(key, batch[key][:, -1]) for key in self.config.cameras
            ]
            if self.training and self.config.image_shift:
                images = [random_shift(image, self.config.image_shift) for image in images]
            seen, where = self.image_tokens(images)
            tokens.append(seen)
            positions.append(where)
        return tokens, positions

    def decode(self, latent: Tensor, tokens: list[Tensor], positions: list[Tensor]) -> Tensor:
        """The policy's transformer.

        Args:
            latent: (b, latent).
            tokens: See `observe`.
            positions: See `observe`.

        Returns:
            Actions (b, k, m), normalised.
        """
        memory = torch.cat([self.latent_input(latent)[:, None], *tokens], 1)
        where = torch.cat(positions)
        for layer in self.encoder:
            memory = layer(memory, where)
        if self.memory_norm is not None:
            memory = self.memory_norm(memory)
        keys = memory + where
        hidden: Tensor | None = None
        if self.summaries is not None:
            # Queries start from the sum of the image summaries, not from zero.
            wholes = tokens[-1][:, -len(self.summaries) :].sum(1, keepdim=True)
            hidden = wholes.expand(-1, self.config.chunk, -1)
        for layer in self.decoder:
            hidden = layer(hidden, self.queries.weight, memory, keys)
        result: Tensor = self.action_head(self.decoder_norm(hidden))
        return result

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """L1 + `kl_weight` · KL (algorithm 1).

        The L1 is the mean over all b · k · m values, padded ones counting as zero, as in the public
        code, so that every real action weighs the same in every batch and process.

        The latent is sampled in training. In evaluation it is the posterior's mean, and the part
        "l1_acting" is the error with the zero latent used for acting.
        """
        state = self._state(batch)
        actions = self.normalizer.normalize(ACTION, batch[ACTION])
        padded = batch.get(ACTION + PAD)
        if padded is None:
            padded = torch.zeros(actions.shape[:2], dtype=torch.bool, device=actions.device)

        latent = self._prior(len(actions))
        kl = latent.new_zeros(())
        if self.config.vae:
            mean, log_variance = self.posterior(state, actions, padded).float().chunk(2, -1)
            kl = (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1).mean() / 2
            latent = mean
            if self.training:
                latent = mean + (log_variance / 2).exp() * torch.randn_like(mean)
        tokens, positions = self.observe(batch, state)

        def error(latent: Tensor) -> Tensor:
            difference = (self.decode(latent, tokens, positions).float() - actions).abs()
            return difference.masked_fill(padded[..., None], 0).mean()

        l1 = error(latent)
        total = l1 + self.config.kl_weight * kl
        parts = {"l1": l1.detach(), "kl": kl.detach()}
        if not self.training and self.config.vae:
            parts["l1_acting"] = error(self._prior(len(actions))).detach()
        return total, parts

    def reset(self, seed: int = 0) -> None:
        """Start an episode; weights must not change before the next call."""
        if self._ensemble is not None:
            self._ensemble.reset()
        self._kernels = self.backbone.folded() if self.backbone is not None else None

    @torch.inference_mode()
    def act(self, observation: Observation) -> NDArray[np.float32]:
        """One action with temporal ensembling, else the first `executed` actions of the chunk."""
        values = self.tensors(observation)
        batch = {
            key: value[None] if key == INSTRUCTION else value[None, None]
            for key, value in values.items()
        }
        tokens, positions = self.observe(batch, self._state(batch))
        chunk = self.decode(self._prior(1), tokens, positions)[0].float()
        actions: NDArray[np.float32] = self.normalizer.unnormalize(ACTION, chunk).cpu().numpy()
        if self._ensemble is not None:
            return self._ensemble.add(actions)[None]
        return actions[: self.config.executed]

    def optimizer_groups(self, learning_rate: float) -> list[dict[str, Any]]:
        """The backbone learns at `backbone_rate` times the rate of the rest."""
        if self.backbone is None:
            return super().optimizer_groups(learning_rate)
        slow = set(self.backbone.parameters())
        rest = [p for p in self.parameters() if p not in slow]
        return [
            {"params": rest, "lr": learning_rate},
            {
                "params": list(self.backbone.parameters()),
                "lr": learning_rate * self.config.backbone_rate,
            },
        ]

    def _state(self, batch: Batch) -> Tensor | None:
        parts = [self.normalizer.normalize(key, batch[key][:, -1]) for key in self.config.vectors]
        return torch.cat(parts, -1) if parts else None

    def _prior(self, batch: int) -> Tensor:
        return self.queries.weight.new_zeros(batch, self.config.latent)
