"""LeRobot for comparison: run this with the Python of an environment that has LeRobot.

    PYTHON benchmarks/data_lerobot.py read DIR --batches 5
    PYTHON benchmarks/data_lerobot.py train DIR --policy act --steps 20 --out data_lerobot.json
    PYTHON benchmarks/data_lerobot.py write DIR

`read` times random windows of one image, two states and twenty actions, as data_reading.py does;
`train` trains LeRobot's ACT or diffusion policy on the dataset for a few steps; `write` makes a
small dataset with LeRobot's own writer. Prints JSON with the versions and which parts of
torchvision were replaced: compiled operators that do not fit the installed torch (no reader or
policy here uses them), and in that case, or where it is gone, `VideoReader` (PyAV decodes, as it
does inside it).
"""

import argparse
import json
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

BATCH = 32
STATE, ACTION = "observation.state", "action"


def stand_in_for_torchvision() -> list[str]:
    """Make torchvision importable and give it a video reader; returns what was replaced."""
    used = []
    register = torch.library.register_fake

    def register_known(name: Any, *arguments: Any, **keywords: Any) -> Any:
        try:
            decorator = register(name, *arguments, **keywords)
        except RuntimeError:
            decorator = None

        def decorate(function: Any) -> Any:
            try:
                return function if decorator is None else decorator(function)
            except RuntimeError:
                used[:] = ["compiled operators"]
                return function

        return decorate

    torch.library.register_fake = register_known
    import torchvision

    torch.library.register_fake = register
    if not hasattr(torchvision.io, "VideoReader") or used:
        torchvision.io.VideoReader = PyAvReader
        torchvision.set_video_backend = lambda name: None
        used.append("io.VideoReader")
    return used


class PyAvReader:
    """What LeRobot uses of torchvision's `VideoReader`: frames from a given time, by PyAV."""

    def __init__(self, path: str, stream: str = "video") -> None:
        import av

        self.container = av.open(path)
        self._stream = self.container.streams.video[0]

    def seek(self, seconds: float, keyframes_only: bool = False) -> None:
        """Seek to the last keyframe before `seconds`."""
        self.container.seek(int(seconds / self._stream.time_base), stream=self._stream)

    def __iter__(self) -> Any:
        for frame in self.container.decode(self._stream):
            image = torch.from_numpy(frame.to_ndarray(format="rgb24")).permute(2, 0, 1)
            yield {"pts": float(frame.pts * self._stream.time_base), "data": image}


def read(root: Path, batches: int) -> dict[str, Any]:
    """Time random windows."""
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    plain = LeRobotDataset("local/set", root=root, video_backend="pyav")
    fps, camera = plain.fps, plain.meta.camera_keys[0]
    times = {camera: [0.0], STATE: [-1 / fps, 0.0], ACTION: [k / fps for k in range(20)]}
    dataset = LeRobotDataset("local/set", root=root, delta_timestamps=times, video_backend="pyav")
    collate = torch.utils.data.default_collate
    rng = np.random.default_rng(0)

    def batch() -> dict[str, Any]:
        return collate([dataset[int(k)] for k in rng.integers(0, len(dataset), BATCH)])

    batch()
    begin = time.process_time()
    for _ in range(batches):
        last = batch()
    used = (time.process_time() - begin) / (batches * BATCH)
    return {
        "frames": len(dataset),
        "images": "x".join(map(str, last[camera].shape[-2:])),
        "actions": list(last[ACTION].shape),
        "ms_a_window": round(1e3 * used, 3),
        "windows_a_second": round(1 / used),
    }


def train(root: Path, name: str, steps: int, batch: int = 4) -> dict[str, Any]:
    """Train one of LeRobot's policies on the dataset."""
    from lerobot.configs.types import FeatureType
    from lerobot.datasets.lerobot_dataset import LeRobotDataset, LeRobotDatasetMetadata
    from lerobot.datasets.utils import dataset_to_policy_features
    from lerobot.policies.factory import (
        get_policy_class,
        make_policy_config,
        make_pre_post_processors,
    )

    torch.manual_seed(0)
    meta = LeRobotDatasetMetadata("local/set", root=root)
    features = dataset_to_policy_features(meta.features)
    outputs = {key: f for key, f in features.items() if f.type is FeatureType.ACTION}
    inputs = {key: f for key, f in features.items() if key not in outputs}
    options: dict[str, Any] = {"push_to_hub": False, "device": "cpu"}
    if name == "act":
        options |= {"chunk_size": 20, "n_action_steps": 20, "pretrained_backbone_weights": None}
    else:
        options |= {"crop_shape": None, "down_dims": (64, 128, 256)}
    config = make_policy_config(name, input_features=inputs, output_features=outputs, **options)
    policy = get_policy_class(name)(config)
    prepare, _ = make_pre_post_processors(config, dataset_stats=meta.stats)
    times = {
        key: [k / meta.fps for k in indices]
        for keys, indices in (
            (outputs, config.action_delta_indices),
            (inputs, config.observation_delta_indices or [0]),
        )
        for key in keys
    }
    if config.observation_delta_indices is None:
        times = {key: times[key] for key in outputs}
    dataset = LeRobotDataset("local/set", root=root, delta_timestamps=times, video_backend="pyav")
    loader = torch.utils.data.DataLoader(dataset, batch, shuffle=True)
    optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-4)
    losses = []
    while len(losses) < steps:
        for values in loader:
            loss, _ = policy.forward(prepare(values))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(round(float(loss.detach()), 4))
            if len(losses) == steps:
                break
    return {
        "policy": name,
        "parameters": sum(p.numel() for p in policy.parameters()),
        "inputs": {key: list(f.shape) for key, f in inputs.items()},
        "outputs": {key: list(f.shape) for key, f in outputs.items()},
        "episodes": meta.total_episodes,
        "steps": steps,
        "batch": batch,
        "first_losses": losses[:3],
        "last_losses": losses[-3:],
    }


def write(root: Path) -> dict[str, Any]:
    """Two short episodes by LeRobot's writer; frame k of episode e has state (e, k)."""
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    features = {
        STATE: {"dtype": "float32", "shape": (2,), "names": ["episode", "frame"]},
        ACTION: {"dtype": "float32", "shape": (2,), "names": ["a", "b"]},
        "observation.images.front": {
            "dtype": "video",
            "shape": (96, 128, 3),
            "names": ["height", "width", "channels"],
        },
    }
    dataset = LeRobotDataset.create("local/set", 10, features, root=root, use_videos=True)
    for episode in range(2):
        for frame in range(20 + 5 * episode):
            image = np.full((96, 128, 3), 40 + 60 * episode + 4 * frame, np.uint8)
            numbers = np.array([episode, frame], np.float32)
            dataset.add_frame(
                {
                    STATE: numbers,
                    ACTION: -numbers,
                    "observation.images.front": image,
                    "task": f"count from {episode}",
                }
            )
        dataset.save_episode()
    dataset.finalize()
    return {"episodes": 2, "frames": 45}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("read", "train", "write"))
    parser.add_argument("root", type=Path)
    parser.add_argument("--batches", type=int, default=5)
    parser.add_argument("--policy", choices=("act", "diffusion"), default="act")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--out", type=Path, help="a file for the JSON too")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    result: dict[str, Any] = {"lerobot": version("lerobot"), "torch": torch.__version__}
    result["torchvision"] = version("torchvision")
    result["stood_in_for_torchvision"] = stand_in_for_torchvision()
    match arguments.what:
        case "read":
            result |= read(arguments.root, arguments.batches)
        case "train":
            result |= train(arguments.root, arguments.policy, arguments.steps)
        case _:
            result |= write(arguments.root)
    print(json.dumps(result))
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
