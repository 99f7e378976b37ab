"""The parts of training: schedule, average, split, order of batches, words, augmentation, files."""

import itertools
import struct
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from policies.base import Batch
from robo.data.assembling import merge_sets
from robo.data.lerobot_reader import Dataset
from robo.data.windows import WindowReader
from robo.instructions import instruction_features
from robo.training.augmentation import Augmentation, brightened
from robo.training.batches import Batches, Instructions
from robo.training.data import fingerprint, originals, split_episodes, words_of
from robo.training.moving_average import MovingAverage
from robo.training.policy_options import parsed_options
from robo.training.processes import Processes
from robo.training.reliance import exchanged, in_words
from robo.training.schedule import FLOOR, Schedule
from robo.training.tensorboard import EventFile, crc32c
from tests.robo import demonstrations as demo
from tests.robo.line_policy import LineConfig, LinePolicy


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return Dataset(demo.record(tmp_path_factory.mktemp("set") / "set", [10, 9, 8]))


def test_the_rate_rises_then_falls_like_a_cosine() -> None:
    schedule = Schedule(steps=100, minutes=None, warmup=0.1)
    rates = [schedule.factor(schedule.share(step, 0.0)) for step in range(101)]
    assert rates[0] == rates[100] == pytest.approx(FLOOR)
    assert rates[10] == 1.0
    assert rates[55] == pytest.approx((1 + FLOOR) / 2)
    assert rates[:11] == sorted(rates[:11])
    assert rates[10:] == sorted(rates[10:], reverse=True)


@given(st.floats(0, 2), st.floats(0, 0.99))
def test_the_rate_is_always_a_share(share: float, warmup: float) -> None:
    assert FLOOR <= Schedule(1, None, warmup).factor(share) <= 1


def test_minutes_count_as_steps_do() -> None:
    assert Schedule(None, 2.0, 0.1).share(7, 60.0) == 0.5


def line() -> LinePolicy:
    return LinePolicy(LineConfig(inputs={"observation.state": (3,)}, action_size=2))


def test_the_average_follows_the_weights() -> None:
    policy = line()
    average = MovingAverage(policy, 0.9)
    before = average.policy.get_parameter("first.weight").clone()
    with torch.no_grad():
        policy.first.weight += 1.0
    average.update(step=1000)
    after = average.policy.get_parameter("first.weight")
    assert torch.allclose(after, before + 0.1, atol=1e-6)
    assert average.decay(1) == pytest.approx(1 - 2**-0.75)
    assert average.decay(10**6) == 0.9
    assert not after.requires_grad


def test_no_average_is_the_policy_itself() -> None:
    policy = line()
    assert MovingAverage(policy, 0.0).policy is policy


@given(st.integers(1, 200), st.floats(0, 0.99), st.integers(0, 5))
def test_every_episode_is_on_one_side_of_the_split(count: int, share: float, seed: int) -> None:
    training, held = split_episodes(range(count), share, seed)
    assert sorted(training + held) == list(range(count))
    assert training
    assert bool(held) == (share > 0 and count > 1)
    assert split_episodes(range(count), share, seed) == (training, held)


def test_a_repeated_episode_is_never_validated_on_what_was_learnt(
    dataset: Dataset, tmp_path: Path
) -> None:
    merge_sets([dataset, dataset], tmp_path / "twice")
    twice, count = Dataset(tmp_path / "twice"), len(dataset.episodes)
    assert originals(dataset) == list(range(count))
    assert originals(twice) == [*range(count), *range(count)]
    for seed in range(5):
        training, held = split_episodes(originals(twice), 0.4, seed)
        assert {number % count for number in training}.isdisjoint(n % count for n in held)
        once = split_episodes(originals(dataset), 0.4, seed)
        assert [n for n in held if n < count] == once[1]
        assert len(held) == 2 * len(once[1])


def windows(dataset: Dataset) -> WindowReader:
    return WindowReader(dataset, {"observation.state": [0], "action": range(3)})


def test_a_turn_gives_every_sample_once_and_the_next_in_another_order(dataset: Dataset) -> None:
    batches = Batches(windows(dataset), 9, seed=3, processes=Processes())
    assert batches.turn == 3
    first = np.concatenate([batches.numbers(step) for step in range(3)])
    second = np.concatenate([batches.numbers(step) for step in range(3, 6)])
    assert sorted(first) == sorted(second) == list(range(27))
    assert list(first) != list(second)
    assert np.array_equal(batches.numbers(1), first[9:18])


def test_a_mean_of_gradients_leaves_alone_what_no_process_uses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The other process has used the second parameter too, and the first by as much.
    def all_reduce(joined: Tensor) -> None:
        joined += torch.tensor([1.0, 2.0, 6.0, 0.0, 1.0, 1.0, 0.0])

    monkeypatch.setattr("robo.training.processes.group.all_reduce", all_reduce)
    both, other, none = (torch.nn.Parameter(torch.zeros(size)) for size in (2, 1, 1))
    both.grad = torch.tensor([1.0, 2.0])
    Processes(0, 2).average_gradients([both, other, none])
    assert both.grad.tolist() == [1.0, 2.0]
    assert other.grad == 3.0
    assert none.grad is None


def test_processes_share_a_batch(dataset: Dataset) -> None:
    whole = Batches(windows(dataset), 8, seed=0, processes=Processes())
    parts = [
        Batches(windows(dataset), 8, seed=0, processes=Processes(rank, 2)).numbers(5)
        for rank in (0, 1)
    ]
    assert [len(part) for part in parts] == [4, 4]
    assert sorted(np.concatenate(parts)) == sorted(whole.numbers(5))


def test_batches_begin_at_any_step(dataset: Dataset) -> None:
    batches = Batches(windows(dataset), 4, seed=0, processes=Processes(), workers=1)
    for step, batch in zip(range(5, 8), batches.starting_at(5), strict=False):
        assert batch["index"].tolist() == windows(dataset).frames[batches.numbers(step)].tolist()
        assert batch["action"].shape == (4, 3, 2)
        assert batch["action_is_pad"].dtype == torch.bool


def test_the_words_of_a_frame_are_its_label_or_its_task(dataset: Dataset) -> None:
    by_skill, by_episode = words_of(dataset, "skill"), words_of(dataset, "episode")
    assert by_skill.texts == demo.LABELS
    assert by_episode.texts == demo.TASKS
    first = [by_skill.texts[k] for k in by_skill.instruction[:10]]
    assert first == [demo.LABELS[0]] * 5 + [demo.LABELS[1]] * 5
    assert [by_episode.texts[k] for k in by_episode.instruction[[0, 9, 10]]] == [
        demo.TASKS[0],
        demo.TASKS[0],
        demo.TASKS[1],
    ]


def test_a_sample_draws_one_of_the_phrasings(dataset: Dataset) -> None:
    others = {demo.LABELS[0]: ["look for the sponge", "where is the sponge"]}
    words = words_of(dataset, "skill", others)
    instructions = Instructions(words, torch.device("cpu"))
    frames = np.zeros(300, int)
    plain = instructions.add_to({}, frames)["instruction"]
    wanted = instruction_features(demo.LABELS[0])
    assert np.array_equal(plain[0].numpy(), wanted)
    drawn = instructions.add_to({}, frames, np.random.default_rng(0))
    lengths = Counter((~drawn["instruction_is_pad"]).sum(1).tolist())
    assert drawn["instruction"].shape == (300, 4, 576)
    assert 150 < lengths[4] < 250
    assert 50 < lengths[3] < 150


def test_phrasings_of_labels_that_the_set_lacks_are_left_out(dataset: Dataset) -> None:
    words = words_of(dataset, "skill", {"fly": ["take off"], demo.LABELS[0]: ["look for it"]})
    assert words.texts == (*demo.LABELS, "look for it")
    assert words.choices[0] == (0, len(demo.LABELS))
    assert words.left_out == 1


def test_brightness_is_cut_at_white_and_touches_only_images() -> None:
    images = torch.tensor([100, 200], dtype=torch.uint8).reshape(2, 1, 1, 1, 1).tile(1, 2, 3, 4, 3)
    bright = brightened(images, torch.full((2, 3, 1, 1), 1.5))
    assert bright.shape == images.shape
    assert bright[:, 1, 2, 3].tolist() == [[150] * 3, [255] * 3]
    tinted = brightened(images, torch.tensor([1.5, 1.0, 0.5]).view(1, 3, 1, 1).expand(2, 3, 1, 1))
    assert tinted[:, 1, 2, 3].tolist() == [[150, 100, 50], [255, 200, 100]]
    batch: Batch = {"observation.images.head": images, "action": torch.ones(2, 3, 2)}
    changed = Augmentation(0, 0.5)(batch, np.random.default_rng(1))
    assert torch.equal(changed["action"], batch["action"])
    assert not torch.equal(changed["observation.images.head"], images)
    grey = changed["observation.images.head"][..., :1].expand(images.shape)
    assert torch.equal(changed["observation.images.head"], grey)
    changed = Augmentation(tint=0.5)(batch, np.random.default_rng(1))
    assert changed["observation.images.head"][0, 0, 0, 0].unique().numel() == 3


def test_mottle_changes_patches_alike_over_time_and_leaves_the_mean() -> None:
    batch: Batch = {"observation.images.head": torch.full((64, 2, 24, 32, 3), 100).byte()}
    changed = Augmentation(mottle=0.4)(batch, np.random.default_rng(1))["observation.images.head"]
    assert torch.equal(changed[:, 0], changed[:, 1])
    assert 60 <= changed.min() < 80
    assert 120 < changed.max() <= 140
    assert abs(changed.float().mean() - 100.0) < 1.5
    beside = (changed[:, 0, :, 1:].int() - changed[:, 0, :, :-1].int()).abs()
    assert 0 < beside.max() < 25


def test_the_fingerprint_follows_the_content(tmp_path: Path, dataset: Dataset) -> None:
    same = Dataset(demo.record(tmp_path / "same", [10, 9, 8]))
    other = Dataset(demo.record(tmp_path / "other", [10, 9, 7]))
    assert fingerprint(same) == fingerprint(dataset)
    assert fingerprint(other) != fingerprint(dataset)


def test_options_are_read_as_their_field_wants() -> None:
    preset, values = parsed_options(LinePolicy, ["wide", "chunk=7", "dropout=0", "image_size=64"])
    assert preset == "wide"
    assert values == {"chunk": 7, "dropout": 0, "image_size": (64, 64)}


def test_the_checksum_is_castagnolis() -> None:
    assert crc32c(b"123456789") == 0xE3069283


def test_events_can_be_read_back(tmp_path: Path) -> None:
    events = EventFile(tmp_path)
    events.add(300, {"training/loss": 0.5, "validation/loss": -2.0}, wall_time=1.25)
    events.close()
    content = next(tmp_path.iterdir()).read_bytes()
    records = list(_records(content))
    assert b"brain.Event:2" in records[0]
    kinds = struct.pack("<d", 1.25)
    assert records[1].startswith(b"\x09" + kinds + b"\x10\xac\x02\x2a")
    assert b"training/loss\x15" + struct.pack("<f", 0.5) in records[1]
    assert b"validation/loss\x15" + struct.pack("<f", -2.0) in records[1]


def _records(content: bytes) -> itertools.chain[bytes]:
    found = []
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        found.append(content[12 : 12 + length])
        content = content[16 + length :]
    return itertools.chain(found)


def test_reliance_is_told_in_words_and_measured_by_exchange() -> None:
    assert in_words({"loss": 1.0, "reliance_images": 0.031, "reliance_words": -0.001}) == (
        "; with another sample's images +3%, words -0%"
    )
    assert in_words({"loss": 1.0}) == ""
    batch = {"a": torch.arange(3), "a_is_pad": torch.tensor([True, False, False])}
    swapped = exchanged({**batch, "b": torch.arange(3)}, ("a",))
    assert swapped["a"].tolist() == [2, 0, 1]
    assert swapped["a_is_pad"].tolist() == [False, True, False]
    assert swapped["b"].tolist() == [0, 1, 2]
