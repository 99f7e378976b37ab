"""LoRA fine-tuning of the embedded language model on episodes, on one CPU thread.

The loss is the mean cross-entropy of the label tokens only, over the whole vocabulary: the negative
of the log-likelihood by which SayCan scores a label, per token.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from planners.finetune.decoder import Decoder
from planners.finetune.episodes import Episode, episode_of, noisy_turns
from planners.finetune.lora import add_adapters, load_adapters, save_adapters
from planners.finetune.synthetic import examples
from planners.language_models.gguf import GgufFile
from planners.language_models.llama import Llama
from planners.language_models.smollm2 import find_weights, read_network, read_tokenizer

Report = Callable[[str], None]

SETTINGS = "training.json"
PROGRESS = "progress.json"
STATE = "state.safetensors"


@dataclass(frozen=True)
class TrainingConfig:
    """How the adapter is trained.

    Attributes:
        seed: Seed of data and adapters.
        minutes: Wall time of training; the learning rate falls to zero by then.
        rank: Rank of the adapters.
        alpha: Adapters are scaled by alpha / rank.
        first_layer: Adapters of the layers below are not trained.
        learning_rate: Peak learning rate.
        warmup: Share of the time in which the learning rate rises.
        batch_tokens: Tokens per optimiser step, padding included.
        noisy: Share of synthetic episodes with mishaps and wrong turns.
        clip: Maximum gradient norm.
        corrections: Probability of adding a correction, if any are given, per synthetic episode.
        compiled: Whether to compile the decoder: pays off from ten minutes on.
    """

    seed: int = 0
    minutes: float = 45.0
    rank: int = 16
    alpha: float = 32.0
    first_layer: int = 6
    learning_rate: float = 1e-3
    warmup: float = 0.03
    batch_tokens: int = 1280
    noisy: float = 0.3
    clip: float = 1.0
    corrections: float = 0.3
    compiled: bool = False


@dataclass(frozen=True)
class Encoded:
    """A tokenised episode; `rows` are the positions whose next token is learnt."""

    tokens: list[int]
    rows: list[int]


class Encoder:
    """Tokenises episodes."""

    def __init__(self, file: GgufFile) -> None:
        self._tokenizer = read_tokenizer(file)

    def encode(self, episode: Episode) -> Encoded:
        """Tokens of the text, and the positions before each token of the labels to learn."""
        encoding = self._tokenizer.encode(episode.text, add_special_tokens=False)
        rows = [
            i - 1
            for i, (begin, end) in enumerate(encoding.offsets)
            if any(first <= begin and end <= last and end > begin for first, last in episode.spans)
        ]
        return Encoded(encoding.ids, rows)


def synthetic_episodes(seed: int, noisy: float) -> Iterator[Episode]:
    """Endless episodes, a share `noisy` of them with mishaps and wrong turns."""
    rng = random.Random(f"episodes {seed}")
    for example in examples(seed):
        if rng.random() < noisy:
            yield episode_of(example, noisy_turns(example, rng, 0.12, 0.08))
        else:
            yield episode_of(example, noisy_turns(example, rng, 0.0, 0.0))


def batches(episodes: Iterator[Encoded], batch_tokens: int) -> Iterator[list[Encoded]]:
    """Batches of episodes of similar length, at most `batch_tokens` with padding."""
    while True:
        window = sorted((next(episodes) for _ in range(96)), key=lambda e: len(e.tokens))
        groups: list[list[Encoded]] = [[]]
        for encoded in window:
            if groups[-1] and len(encoded.tokens) * (len(groups[-1]) + 1) > batch_tokens:
                groups.append([])
            groups[-1].append(encoded)
        random.Random(len(window[0].tokens) + len(groups)).shuffle(groups)
        yield from groups


class Trainer:
    """The frozen network with adapters, and its optimiser."""

    def __init__(self, network: Llama, config: TrainingConfig) -> None:
        torch.manual_seed(config.seed)
        self.config = config
        self.network = network
        self.parameters = add_adapters(network, config.rank, config.alpha, config.first_layer)
        self.head = network.model.embed_tokens.weight.detach().to(torch.bfloat16)
        self.decoder = Decoder(network, compiled=config.compiled)
        self.optimizer = torch.optim.AdamW(self.parameters, lr=0.0, betas=(0.9, 0.99))

    def state(self) -> dict[str, Tensor]:
        """Adapters and optimiser state in float32, for resuming."""
        tensors = {}
        for i, parameter in enumerate(self.parameters):
            tensors[f"{i}.weight"] = parameter.detach()
            for name, value in self.optimizer.state.get(parameter, {}).items():
                tensors[f"{i}.{name}"] = value
        return tensors

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Restore what `state` returned."""
        with torch.no_grad():
            for i, parameter in enumerate(self.parameters):
                parameter.copy_(tensors[f"{i}.weight"])
                self.optimizer.state[parameter] = {
                    name: tensors[f"{i}.{name}"] for name in ("step", "exp_avg", "exp_avg_sq")
                }

    def loss(self, batch: Sequence[Encoded]) -> Tensor:
        """Mean cross-entropy of a batch's label tokens, in nats."""
        longest = max(len(encoded.tokens) for encoded in batch)
        tokens = torch.zeros(len(batch), longest, dtype=torch.long)
        for i, encoded in enumerate(batch):
            tokens[i, : len(encoded.tokens)] = torch.tensor(encoded.tokens)
        row = torch.tensor([i for i, encoded in enumerate(batch) for _ in encoded.rows])
        column = torch.tensor([at for encoded in batch for at in encoded.rows])
        x = self.decoder(tokens)[row, column]
        logits = functional.linear(self.network.model.norm(x).to(torch.bfloat16), self.head)
        return functional.cross_entropy(logits.float(), tokens[row, column + 1])

    def step(self, batch: Sequence[Encoded], learning_rate: float) -> float:
        """One AdamW step; returns the loss before it."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.parameters, self.config.clip)
        self.optimizer.step()
        return loss.item()


@dataclass
class Progress:
    """Progress of a training.

    Attributes:
        steps: Optimiser steps.
        episodes: Episodes learnt from.
        tokens: Their tokens.
        seconds: Wall time.
    """

    steps: int = 0
    episodes: int = 0
    tokens: int = 0
    seconds: float = 0.0


def train(
    out: Path,
    config: TrainingConfig,
    report: Report,
    *,
    start: Path | None = None,
    corrections: Sequence[Episode] = (),
) -> None:
    """Train an adapter and write it to `out`, every five minutes and at the end.

    A training that was cut short resumes from where `out` was last saved.

    Args:
        out: Folder for the adapter, the configuration and the loss log.
        config: How to train.
        report: Called with lines of progress.
        start: Folder of an adapter to start from.
        corrections: Episodes that correct a model's own mistakes, mixed in.

    Raises:
        ValueError: `out` holds a training with other settings.
    """
    torch.set_num_threads(1)
    file = GgufFile(find_weights())
    encoder = Encoder(file)
    trainer = Trainer(read_network(file), config)
    if start is not None:
        load_adapters(trainer.network, start)
    out.mkdir(parents=True, exist_ok=True)
    settings = {**asdict(config), "start": str(start or ""), "corrections_given": len(corrections)}
    progress = Progress()
    if (out / PROGRESS).exists():
        if json.loads((out / SETTINGS).read_text(encoding="utf-8")) != settings:
            raise ValueError(f"{out} holds a training with other settings; choose another folder")
        progress = Progress(**json.loads((out / PROGRESS).read_text(encoding="utf-8")))
        trainer.restore(load_file(out / STATE))
    (out / SETTINGS).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")

    def save() -> None:
        save_adapters(trainer.network, out, config.rank, config.alpha)
        save_file(trainer.state(), out / STATE)
        (out / PROGRESS).write_text(json.dumps(asdict(progress)) + "\n", encoding="utf-8")

    rng = random.Random(f"mix {config.seed}")
    source = synthetic_episodes(config.seed, config.noisy)

    def mixed() -> Iterator[Encoded]:
        for episode in source:
            if corrections and rng.random() < config.corrections:
                yield encoder.encode(rng.choice(corrections))
            yield encoder.encode(episode)

    remaining = islice(batches(mixed(), config.batch_tokens), progress.steps, None)
    begin = saved = time.monotonic()
    before = progress.seconds
    losses: list[float] = []
    with (out / "losses.jsonl").open("a", encoding="utf-8") as log:
        while (share := progress.seconds / (60 * config.minutes)) < 1:
            batch = next(remaining)
            rate = config.learning_rate * min(share / config.warmup, 1 - share, 1.0)
            losses.append(trainer.step(batch, max(rate, 1e-6)))
            progress.steps += 1
            progress.tokens += sum(len(encoded.tokens) for encoded in batch)
            progress.episodes += len(batch)
            progress.seconds = round(before + time.monotonic() - begin, 1)
            if progress.steps % 20 == 0:
                mean = sum(losses[-20:]) / len(losses[-20:])
                log.write(json.dumps({"loss": round(mean, 5), **asdict(progress)}) + "\n")
                log.flush()
                report(
                    f"step {progress.steps}: loss {mean:.4f}, {progress.episodes} episodes, "
                    f"{progress.tokens / progress.seconds:.0f} tokens/s, "
                    f"{progress.seconds / 60:.1f} of {config.minutes:g} min"
                )
            if time.monotonic() - saved > 300:
                save()
                saved = time.monotonic()
    save()
