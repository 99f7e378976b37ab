"""The reader: windows, padding, the cache, and sets that pack many episodes into a file."""

import os
import shutil
import time
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from robo.data import frame_cache
from robo.data.assembling import merge_sets
from robo.data.errors import DatasetError, DatasetFormatError, DatasetWriteError
from robo.data.features import ACTION, STATE
from robo.data.frame_cache import default_cache
from robo.data.frames import FrameStore
from robo.data.layout import FileNumber
from robo.data.lerobot_reader import Dataset
from robo.data.loader import BatchLoader
from robo.data.tables import parquet, read_parquet
from robo.data.validate import validate
from robo.data.video_encoding import VideoEncoder, mp4_of_packets
from robo.data.windows import WindowReader
from tests.robo import demonstrations as demo

LENGTHS = (20, 3, 11)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return demo.record(tmp_path_factory.mktemp("sets") / "set", LENGTHS)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same set as LeRobot lays it out: one data file, one row file, one film for all."""
    root = demo.record(tmp_path_factory.mktemp("sets") / "packed", LENGTHS)
    data = sorted(root.glob("data/*/*.parquet"))
    (root / "packed").write_bytes(parquet(pa.concat_tables([read_parquet(f) for f in data])))
    encoder = VideoEncoder(demo.SIDE, demo.SIDE, demo.FPS)
    images = [demo.image(e, k) for e, length in enumerate(LENGTHS) for k in range(length)]
    film = mp4_of_packets([encoder.encode(image) for image in images], demo.FPS)
    rows = pa.concat_tables(
        [read_parquet(f) for f in sorted(root.glob("meta/episodes/*/*.parquet"))]
    ).to_pylist()
    for row in rows:
        row["data/file_index"] = row["meta/episodes/file_index"] = 0
        row[f"videos/{demo.CAMERA}/file_index"] = 0
        row[f"videos/{demo.CAMERA}/from_timestamp"] = row["dataset_from_index"] / demo.FPS
        row[f"videos/{demo.CAMERA}/to_timestamp"] = row["dataset_to_index"] / demo.FPS
    for folder in ("data", "meta/episodes", f"videos/{demo.CAMERA}"):
        for file in root.glob(f"{folder}/*/*"):
            file.unlink()
    (root / "packed").rename(root / "data/chunk-000/file-000.parquet")
    (root / f"videos/{demo.CAMERA}/chunk-000/file-000.mp4").write_bytes(film)
    rows_file = root / "meta/episodes/chunk-000/file-000.parquet"
    rows_file.write_bytes(parquet(pa.Table.from_pylist(rows)))
    return root


@given(data=st.data())
@settings(deadline=None, max_examples=40)
def test_windows_hold_what_lies_around_and_say_what_is_padding(
    root: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    offsets = data.draw(st.lists(st.integers(-25, 25), min_size=1, max_size=5))
    dataset = Dataset(root)
    windows = WindowReader(
        dataset, {STATE: offsets, "next.success": [0]}, cache=tmp_path_factory.getbasetemp()
    )
    number = data.draw(st.integers(0, len(windows) - 1))
    window = windows[number]
    episode, frame = int(window["episode_index"]), int(window["frame_index"])
    for place, offset in enumerate(offsets):
        inside = 0 <= frame + offset < LENGTHS[episode]
        assert window[f"{STATE}_is_pad"][place] == (not inside)
        nearest = min(max(frame + offset, 0), LENGTHS[episode] - 1)
        assert np.array_equal(window[STATE][place], demo.state(episode, nearest))


def test_windows_within_a_skill_end_with_it(root: Path, tmp_path: Path) -> None:
    dataset = Dataset(root)
    windows = WindowReader(dataset, {ACTION: range(20)}, within="skill", cache=tmp_path)
    batch = windows.batch(np.arange(20))
    assert (~batch[f"{ACTION}_is_pad"]).sum(1).tolist() == [*range(10, 0, -1), *range(10, 0, -1)]
    labels = [dataset.labels[i] for i in batch["subtask_index"]]
    assert labels == [demo.LABELS[0]] * 10 + [demo.LABELS[1]] * 10


def test_a_batch_is_its_windows_stacked(root: Path, tmp_path: Path) -> None:
    windows = WindowReader(
        Dataset(root), {demo.CAMERA: [-1, 0], ACTION: range(4), STATE: [0]}, cache=tmp_path
    )
    numbers = np.array([33, 0, 5, 5, 19])
    batch = windows.batch(numbers)
    assert batch[demo.CAMERA].shape == (5, 2, demo.SIDE, demo.SIDE, 3)
    assert batch[demo.CAMERA].dtype == np.uint8
    assert batch[ACTION].shape == (5, 4, 2)
    for place, number in enumerate(numbers):
        for key, value in windows[int(number)].items():
            assert np.array_equal(batch[key][place], value)


def test_only_the_chosen_episodes_are_drawn(root: Path, tmp_path: Path) -> None:
    windows = WindowReader(Dataset(root), {ACTION: [0]}, episodes=[2, 1], cache=tmp_path)
    assert len(windows) == LENGTHS[1] + LENGTHS[2]
    assert set(windows.batch(np.arange(len(windows)))["episode_index"]) == {1, 2}


@pytest.mark.parametrize("size", [None, (16, 24)])
def test_cached_images_are_the_decoded_ones(
    root: Path, packed: Path, size: tuple[int, int] | None, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    for folder in (root, packed):
        dataset = Dataset(folder)
        direct = FrameStore(dataset, demo.CAMERA, size)
        cached = FrameStore(dataset, demo.CAMERA, size, tmp_path / "cache")
        for film in cached.films_to_cache:
            cached.warm_up(film)
        assert not direct.films_to_cache
        for _ in range(5):
            indices = rng.integers(0, len(dataset), 7)
            assert np.array_equal(direct.images(indices), cached.images(indices))
        assert direct.images(np.array([0])).shape[1:3] == (size or (demo.SIDE, demo.SIDE))


def test_processes_share_the_decoding(root: Path, tmp_path: Path) -> None:
    windows = WindowReader(Dataset(root), {demo.CAMERA: [0]}, cache=tmp_path)
    films = tmp_path / "frames"
    assert list(windows.warm_up(1, 2)) == [1.0]
    assert len(list(films.iterdir())) == 1
    assert list(windows.warm_up(0, 2)) == [0.5, 1.0]
    before = {path: path.stat().st_ino for path in films.iterdir()}
    assert len(before) == len(LENGTHS) == 3
    assert list(windows.warm_up())[-1] == 1.0
    assert {path: path.stat().st_ino for path in films.iterdir()} == before, "decoded once"


def _open_files() -> int:
    """Of this process, where the system tells."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


@pytest.fixture
def one_map(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FrameStore:
    """Images of a cache of which one file is mapped at a time."""
    monkeypatch.setattr(frame_cache, "OPEN_MAPS", 1)
    return FrameStore(Dataset(root), demo.CAMERA, None, tmp_path / "cache")


def test_a_set_of_many_films_keeps_few_files_open(
    root: Path, tmp_path: Path, one_map: FrameStore
) -> None:
    dataset, store = Dataset(root), one_map
    everything = np.arange(len(dataset))
    plain = FrameStore(dataset, demo.CAMERA).images(everything)
    assert np.array_equal(store.images(everything), plain)
    assert len(list((tmp_path / "cache" / "frames").iterdir())) > 1
    opened = _open_files()
    for index in everything:
        assert np.array_equal(store.images(np.array([index]))[0], plain[index])
    assert _open_files() <= opened + 1


def test_images_of_episodes_that_share_a_film_are_their_own(packed: Path) -> None:
    dataset = Dataset(packed)
    assert dataset.episodes[2].films[demo.CAMERA].number == FileNumber(0, 0)
    store = FrameStore(dataset, demo.CAMERA)
    for episode in dataset.episodes:
        for k in (0, episode.length - 1, episode.length // 2):
            image = store.images(np.array([episode.start + k]))[0].astype(int)
            assert np.abs(image - demo.image(episode.index, k)).mean() < 4
    assert not validate(packed).errors


def test_a_changed_film_is_not_read_from_the_cache(root: Path, tmp_path: Path) -> None:
    own = demo.record(tmp_path / "set", [4])
    before = FrameStore(Dataset(own), demo.CAMERA, None, tmp_path / "cache").images(np.arange(4))
    encoder = VideoEncoder(demo.SIDE, demo.SIDE, demo.FPS)
    packets = [encoder.encode(demo.image(4, k + 20)) for k in range(4)]
    next(own.glob("videos/*/*/*.mp4")).write_bytes(mp4_of_packets(packets, demo.FPS))
    after = FrameStore(Dataset(own), demo.CAMERA, None, tmp_path / "cache").images(np.arange(4))
    assert np.abs(after.astype(int) - before).mean() > 20


def test_merged_datasets_share_the_decoded_videos_of_their_parts(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    parts = [Dataset(demo.record(tmp_path / name, [k])) for name, k in (("a", 4), ("b", 6))]
    merge_sets(parts, tmp_path / "all")

    def images(dataset: Dataset) -> np.ndarray:
        return FrameStore(dataset, demo.CAMERA, None, cache).images(np.arange(len(dataset)))

    seen = np.concatenate([images(part) for part in parts])
    decoded = set((cache / "frames").iterdir())
    assert len(decoded) == 2
    assert np.array_equal(images(Dataset(tmp_path / "all")), seen)
    assert set((cache / "frames").iterdir()) == decoded


def test_a_damaged_cache_is_made_anew_and_a_refused_one_is_said(tmp_path: Path) -> None:
    own = Dataset(demo.record(tmp_path / "set", [4]))
    images = FrameStore(own, demo.CAMERA, None, tmp_path / "cache").images(np.arange(4))
    (kept,) = (tmp_path / "cache" / "frames").iterdir()
    kept.write_bytes(b"")
    again = FrameStore(own, demo.CAMERA, None, tmp_path / "cache").images(np.arange(4))
    assert np.array_equal(again, images)
    with pytest.raises(DatasetWriteError, match="set ROBO_CACHE to a folder"):
        FrameStore(own, demo.CAMERA, None, Path("/dev/null")).images(np.arange(4))


def test_a_full_disk_takes_the_oldest_films_and_never_those_in_use(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, folder = Dataset(root), tmp_path / "cache" / "frames"
    everything = np.arange(len(dataset))
    images = FrameStore(dataset, demo.CAMERA, None, tmp_path / "cache").images(everything)
    films = sorted(folder.iterdir())
    old = time.time() - 2 * frame_cache.RECENT
    for age, film in enumerate(films[1:]):
        os.utime(film, (old - age, old - age))
    size = films[-1].stat().st_size
    nearly_full = SimpleNamespace(total=20 * size, free=size)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: nearly_full)
    other = Dataset(demo.record(tmp_path / "other", [4]))
    FrameStore(other, demo.CAMERA, None, tmp_path / "cache").images(np.arange(4))
    left = set(folder.iterdir())
    assert films[0] in left
    assert films[-1] not in left
    # What is gone is decoded again.
    assert np.array_equal(
        FrameStore(dataset, demo.CAMERA, None, tmp_path / "cache").images(everything), images
    )


def test_reading_tells_other_processes_that_a_film_is_in_use(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame_cache, "RECENT", 0.0)
    store = FrameStore(Dataset(root), demo.CAMERA, None, tmp_path / "cache")
    store.images(np.array([0]))
    (film,) = (tmp_path / "cache" / "frames").iterdir()
    os.utime(film, (1.0, 1.0))
    store.images(np.array([1]))
    assert film.stat().st_mtime > 1.0


def test_a_cache_that_is_deleted_in_between_is_made_anew(
    root: Path, tmp_path: Path, one_map: FrameStore
) -> None:
    everything = np.arange(len(Dataset(root)))
    images = one_map.images(everything)
    shutil.rmtree(tmp_path / "cache")
    assert np.array_equal(one_map.images(everything), images)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_turn_of_the_loader_gives_every_window_once(
    workers: int, root: Path, tmp_path: Path
) -> None:
    windows = WindowReader(Dataset(root), {demo.CAMERA: [0], ACTION: range(3)}, cache=tmp_path)
    loader = BatchLoader(windows, 2, seed=3, workers=workers)
    assert len(loader) == 17
    first, second = ([batch["index"].tolist() for batch in loader] for _ in range(2))
    assert sorted(index for batch in first for index in batch) == list(range(34))
    assert first != second
    again = BatchLoader(windows, 2, seed=3)
    assert [batch["index"].tolist() for batch in again] == first
    batch = next(iter(again))
    assert batch[demo.CAMERA].dtype == torch.uint8
    assert batch[f"{ACTION}_is_pad"].dtype == torch.bool


def test_a_reader_goes_to_another_process_without_its_open_files(
    root: Path, tmp_path: Path
) -> None:
    windows = WindowReader(Dataset(root), {demo.CAMERA: [0]}, cache=tmp_path)
    here = windows[3]
    there = ForkingPickler.loads(ForkingPickler.dumps(windows))[3]
    assert np.array_equal(here[demo.CAMERA], there[demo.CAMERA])


def test_mistakes_are_named(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = Dataset(root)
    with pytest.raises(DatasetFormatError, match='has no "force"; it has observation'):
        WindowReader(dataset, {"force": [0]}, cache=tmp_path)
    with pytest.raises(DatasetError, match="at least one offset"):
        WindowReader(dataset, {ACTION: []}, cache=tmp_path)
    with pytest.raises(DatasetError, match="cannot be made"):
        BatchLoader(WindowReader(dataset, {ACTION: [0]}, cache=tmp_path), 99, seed=0)
    monkeypatch.setenv("ROBO_CACHE", str(tmp_path))
    assert default_cache() == tmp_path
    own = demo.record(tmp_path / "set", [4])
    next(own.glob("videos/*/*/*.mp4")).unlink()
    with pytest.raises(DatasetFormatError, match="there is no file"):
        FrameStore(Dataset(own), demo.CAMERA).images(np.array([0]))
