"""Cost of scoring 60 kitchen labels: one pass over a trie against one pass per label.

    python benchmarks/label_scoring.py [--model SPEC] [--pairs N] [--out FILE]

Each pair runs both ways in turn in this process, in CPU seconds, and compares their scores. "first"
is a prompt not seen before; "next step" is what an agent asks after a skill: the same prompt,
one line longer.
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from envs.kitchen.vocabulary import OBJECTS
from planners.language_models import LabelScores, load_language_model
from planners.language_models.causal import CausalLanguageModel

PROMPT_TOKENS = 350
LABELS = [
    *(f"{verb} the {name}" for verb in ("find", "pick up", "put down") for name in OBJECTS),
    "go to the table",
    "bring it to you",
    "done",
]
REQUEST = "Human: I spilled my drink, can you help?\nRobot: I would:\n1."
GROWTH = " find the sponge (sponge: found)\n2."
TOLERANCE = 1e-3  # on a log-likelihood
CHEAPER = 25.0  # minimum ratio of CPU times


def main() -> int:
    """Run the pairs; exit code 1 if scores differ or the trie is not cheap enough."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="smollm2", help="a model that runs in this process")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/label_scoring.json"))
    arguments = parser.parse_args()

    model = load_language_model(arguments.model, threads=arguments.threads)
    if not isinstance(model, CausalLanguageModel):
        parser.error("--model must run in this process, not at a server")
    prompt = _prompt(model)
    model.score(REQUEST, LABELS)  # the first pass of a process also sets up torch
    pairs = [_pair(model, prompt) for _ in range(arguments.pairs)]
    result = {
        "model": model.name,
        "method": model.method,
        "labels": len(LABELS),
        "prompt_tokens": model.count_tokens(prompt),
        "threads": arguments.threads,
        "torch": torch.__version__,
        "machine": platform.machine(),
        "pairs": pairs,
        "median": {key: statistics.median(pair[key] for pair in pairs) for key in pairs[0]},
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    _show(pairs, result["prompt_tokens"])
    equal = all(pair["largest_difference"] < TOLERANCE for pair in pairs)
    cheap = result["median"]["times_cheaper_first"] >= CHEAPER
    return 0 if equal and cheap else 1


def _pair(model: CausalLanguageModel, prompt: str) -> dict[str, float]:
    """CPU seconds of both ways, how many times cheaper the trie is, and how far scores differ."""
    model.forget()
    first, trie = _cpu_seconds(lambda: model.score(prompt, LABELS))
    step, grown = _cpu_seconds(lambda: model.score(prompt + GROWTH, LABELS))
    one_by_one, slow = _cpu_seconds(lambda: model.score_one_by_one(prompt, LABELS))
    grown_slow = model.score_one_by_one(prompt + GROWTH, LABELS[::10])
    differences = np.concatenate(
        (
            trie.log_likelihood - slow.log_likelihood,
            grown.log_likelihood[::10] - grown_slow.log_likelihood,
        )
    )
    return {
        "one_by_one_s": one_by_one,
        "first_s": first,
        "next_step_s": step,
        "times_cheaper_first": one_by_one / first,
        "times_cheaper_next_step": one_by_one / step,
        "largest_difference": float(np.abs(differences).max()),
    }


def _cpu_seconds(score: Callable[[], LabelScores]) -> tuple[float, LabelScores]:
    start = time.process_time()
    scores = score()
    return time.process_time() - start, scores


def _prompt(model: CausalLanguageModel) -> str:
    """Solved examples and a request, `PROMPT_TOKENS` tokens or a few more."""
    examples = ""
    for name in OBJECTS * 4:
        if model.count_tokens(examples + REQUEST) >= PROMPT_TOKENS:
            break
        examples += (
            f"Human: How would you bring me the {name}?\nRobot: I would:\n1. find the {name}\n"
            f"2. pick up the {name}\n3. bring it to you\n4. done\n\n"
        )
    return examples + REQUEST


def _show(pairs: list[dict[str, float]], tokens: int) -> None:
    table = Table(title=f"{len(LABELS)} labels after {tokens} tokens, CPU seconds")
    for column in ("pair", "one by one", "trie, first", "cheaper", "trie, next step", "cheaper"):
        table.add_column(column, justify="right")
    table.add_column("difference", justify="right")
    rows = [(str(at), pair) for at, pair in enumerate(pairs, start=1)]
    median = {key: statistics.median(pair[key] for pair in pairs) for key in pairs[0]}
    for name, pair in [*rows, ("median", median)]:
        table.add_row(
            name,
            f"{pair['one_by_one_s']:.1f}",
            f"{pair['first_s']:.2f}",
            f"{pair['times_cheaper_first']:.0f}x",
            f"{pair['next_step_s']:.2f}",
            f"{pair['times_cheaper_next_step']:.0f}x",
            f"{pair['largest_difference']:.1e}",
        )
    Console().print(table)


if __name__ == "__main__":
    raise SystemExit(main())
