import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.errors import PolicyError
from policies.normalization import IMAGENET_MEAN, IMAGENET_STD, Normalizer

CAMERA = "observation.images.head"
SHAPES = {"action": (3,), CAMERA: (4, 5, 3)}


def stats(**changes):
    values = {
        "mean": [1.0, 0.0, 5.0],
        "std": [2.0, 1e-5, 0.0],
        "min": [-3.0, -1.0, 5.0],
        "max": [5.0, 1.0, 5.0],
    }
    return {"action": {**values, **changes}}


def fitted(shapes, stats):
    normalizer = Normalizer(shapes)
    normalizer.set_stats(stats)
    return normalizer


def test_without_statistics_vectors_stay():
    value = torch.randn(2, 3)
    normalizer = Normalizer(SHAPES)
    assert torch.equal(normalizer.normalize("action", value), value)
    assert torch.equal(normalizer.to_unit("action", value), value)


def test_a_normalised_vector_has_mean_0_and_std_1():
    rows = np.random.default_rng(0).normal(3, 2, (1000, 3))
    found = {n: getattr(rows, n)(0).tolist() for n in ("mean", "std", "min", "max")}
    normalizer = fitted({"action": (3,)}, {"action": found})
    result = normalizer.normalize("action", torch.from_numpy(rows))
    assert torch.allclose(result.mean(0), torch.zeros(3), atol=1e-5)
    assert torch.allclose(result.std(0, correction=0), torch.ones(3), atol=1e-4)
    unit = normalizer.to_unit("action", torch.from_numpy(rows))
    assert torch.allclose(unit.amin(0), -torch.ones(3), atol=1e-5)
    assert torch.allclose(unit.amax(0), torch.ones(3), atol=1e-5)


def test_what_hardly_or_never_moves_is_not_blown_up():
    normalizer = fitted(SHAPES, stats())
    moved = normalizer.normalize("action", torch.tensor([1.0, 1.0, 5.01]))
    assert moved.abs().max() <= 20
    assert moved[2] == pytest.approx(0.01, abs=1e-5)
    assert normalizer.to_unit("action", torch.tensor([0.0, 0.0, 5.01]))[2] == 0


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(-100, 100, width=32), min_size=3, max_size=3))
def test_there_and_back(numbers):
    normalizer = fitted(SHAPES, stats())
    value = torch.tensor(numbers)
    back = normalizer.unnormalize("action", normalizer.normalize("action", value))
    assert torch.allclose(back, value, atol=1e-4)
    unit = normalizer.from_unit("action", normalizer.to_unit("action", value))
    assert torch.allclose(unit[:2], value[:2], atol=1e-4)
    assert unit[2] == 5


def test_a_camera_keeps_imagenets_colours_until_its_own_come():
    normalizer = fitted(SHAPES, stats())
    white = torch.full((2, 4, 5, 3), 255, dtype=torch.uint8)
    expected = (1 - torch.tensor(IMAGENET_MEAN)) / torch.tensor(IMAGENET_STD)
    assert torch.allclose(normalizer.normalize(CAMERA, white)[0, 0, 0], expected)
    colours = {"mean": [[[0.5]], [[0.5]], [[0.0]]], "std": [[[0.5]], [[0.25]], [[1.0]]]}
    normalizer.set_stats({**stats(), CAMERA: colours})
    assert normalizer.normalize(CAMERA, white)[0, 0, 0].tolist() == [1.0, 2.0, 1.0]


@pytest.mark.parametrize(
    "wrong",
    [{}, stats(mean=[1.0]), stats(std=[1.0, float("nan"), 1.0]), {"action": {"mean": [0, 0, 0]}}],
)
def test_statistics_that_do_not_fit_are_refused(wrong):
    with pytest.raises(PolicyError, match="compute them anew"):
        fitted(SHAPES, wrong)


def test_statistics_are_in_the_weights():
    saved = fitted(SHAPES, stats()).state_dict()
    fresh = Normalizer(SHAPES)
    fresh.load_state_dict(saved)
    assert fresh.buffer("action", "max").tolist() == [5, 1, 5]
    assert sorted(saved) == sorted(Normalizer(SHAPES).state_dict())


def test_names_that_differ_by_punctuation_alone_are_refused():
    with pytest.raises(PolicyError, match="punctuation"):
        Normalizer({"a.b": (1,), "a_b": (1,)})
