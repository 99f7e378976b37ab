"""`robo train` with each of the policies, small, on ten episodes of the kitchen."""

import signal
from pathlib import Path

import numpy as np
import pytest

from policies.checkpoint import load
from robo.training.config import TrainingConfig
from robo.training.job import train
from robo.training.log import CLOCK, TrainingLog, read_log

KITCHEN = Path(__file__).parent / "kitchen-small"
SHORT = TrainingConfig(
    steps=4,
    batch_size=2,
    log_steps=1,
    save_steps=2,
    workers=0,
    threads=1,
    validation_batches=1,
    precision="bfloat16",
    brightness=0.2,
    tint=0.1,
    mottle=0.3,
)
TINY = {
    "rt1": ("kitchen", "width=32", "layers=1", "heads=2", "head_width=16", "segment=2", "chunk=6"),
    "act": ("small", "width=32", "heads=2", "feedforward=32", "encoder_layers=1", "chunk=6"),
    "diffusion": ("small",),
}


@pytest.mark.parametrize("name", TINY)
def test_it_learns_stops_goes_on_and_acts(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBO_CACHE", str(tmp_path / "cache"))
    whole = train(name, KITCHEN, tmp_path / "whole", SHORT, TINY[name])
    add = TrainingLog.add

    def interrupted(log: TrainingLog, step: int, values: dict[str, float]) -> None:
        add(log, step, values)
        if step == 2 and "loss" in values:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(TrainingLog, "add", interrupted)
        assert train(name, KITCHEN, tmp_path / "parts", SHORT, TINY[name]).steps == 2
    train(name, KITCHEN, tmp_path / "parts", SHORT, TINY[name], resume=True)
    curves = [
        [{k: v for k, v in line.items() if k not in CLOCK} for line in read_log(tmp_path / folder)]
        for folder in ("whole", "parts")
    ]
    assert curves[0] == curves[1]
    assert whole.checkpoint is not None
    policy = load(whole.checkpoint).eval()
    rng = np.random.default_rng(0)
    observation = {
        key: rng.integers(0, 256, shape, np.uint8)
        if len(shape) == 3
        else rng.normal(size=shape).astype(np.float32)
        for key, shape in policy.config.inputs.items()
    }
    observation["instruction"] = rng.normal(size=(3, 576)).astype(np.float32)
    actions = policy.act(observation)
    assert actions.shape[1] == 11
    assert np.isfinite(actions).all()
