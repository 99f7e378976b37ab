"""Features of instructions: what they tell apart, and that they are kept."""

import time

import numpy as np
import pytest

from robo.errors import UserError
from robo.instructions import WIDTH, instruction_features, stacked

MINIMAL_PAIRS = [
    ("open the drawer", "close the drawer"),
    ("turn left", "turn right"),
    ("pick up the apple", "put down the apple"),
    ("pick up the apple", "pick up the orange"),
]


def test_a_token_has_a_feature_of_moderate_size() -> None:
    features = instruction_features("open the top drawer")
    assert features.shape == (4, WIDTH)
    assert features.dtype == np.float32
    assert 0.5 < features.std() < 1.5
    assert abs(features).max() <= 8


@pytest.mark.parametrize(("one", "other"), MINIMAL_PAIRS)
def test_minimal_pairs_differ_in_every_token_after_the_difference(one: str, other: str) -> None:
    a, b = instruction_features(one), instruction_features(other)
    words = zip(one.split(), other.split(), strict=True)
    first = next(k for k, (left, right) in enumerate(words) if left != right)
    assert np.array_equal(a[:first], b[:first])
    assert (np.sqrt(((a[first:] - b[first:]) ** 2).mean(1)) > 0.25).all()


def test_word_order_counts() -> None:
    one = instruction_features("put the red block on the blue block")
    other = instruction_features("put the blue block on the red block")
    assert abs(one[-1] - other[-1]).max() > 0.5


def test_spelling_that_means_nothing_makes_no_difference() -> None:
    plain = instruction_features("open the drawer")
    for text in ("Open the drawer", " open  the drawer ", "Open the drawer."):
        assert np.array_equal(instruction_features(text), plain)


def test_features_are_kept_and_cannot_be_changed() -> None:
    features = instruction_features("wipe the table")
    began = time.perf_counter()
    assert instruction_features("wipe the table") is features
    assert time.perf_counter() - began < 0.005
    with pytest.raises(ValueError, match="read-only"):
        features[0] = 0


def test_stacked_features_are_padded_and_say_so() -> None:
    short, long = instruction_features("open the drawer"), instruction_features("go to the table")
    table, is_pad = stacked([short, long])
    assert table.shape == (2, 4, WIDTH)
    assert is_pad.tolist() == [[False, False, False, True], [False] * 4]
    assert np.array_equal(table[0, :3], short)
    assert not table[0, 3].any()


def test_an_instruction_without_words_is_refused() -> None:
    with pytest.raises(UserError, match="empty"):
        instruction_features(" .")
