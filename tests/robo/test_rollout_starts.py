"""Columns of a rollout table: what is held out, and starts that a seed decides."""

import json
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from envs.kitchen.randomization import TERMS
from envs.kitchen.vocabulary import DRAWERS, OBJECTS, PLACES
from envs.terms import check_terms
from planners.skills import all_skills
from robo.errors import UserError
from robo.recording.kitchen import KitchenTask
from robo.rollouts.settings import (
    FAMILIES,
    PlannedEpisode,
    RolloutSettings,
    planned_episodes,
)
from robo.rollouts.splits import (
    HELD_OUT,
    HELD_OUT_PHRASINGS,
    PHRASINGS,
    SPLITS,
    is_held_out,
    parts,
    phrasings,
)
from robo.rollouts.starts import PAIR, WORDS, Asked, checked_tasks, draw

KITCHEN = "robo/Kitchen-v1"


def settings_of(*tasks: str, splits: Sequence[str] = ("seen",), **values: Any) -> RolloutSettings:
    return RolloutSettings(KITCHEN, "expert", tasks=tasks, splits=tuple(splits), **values)


def drawn(split: str, task: str, number: int, seed: int = 0) -> Asked:
    return draw(settings_of(task, seed=seed), PlannedEpisode(split, task, number))


def test_held_out_objects_are_shown_with_every_other_skill() -> None:
    held = list(chain.from_iterable(HELD_OUT.values()))
    assert len(held) == len(set(held))
    assert set(held) <= set(OBJECTS)
    assert is_held_out("pick up", "orange")
    assert is_held_out("pick_up", "orange")
    assert not is_held_out("find", "orange")
    assert not is_held_out("open", "top drawer")


def test_words_are_trained_with_or_held_out_and_every_skill_has_both() -> None:
    assert PHRASINGS.keys() == HELD_OUT_PHRASINGS.keys() == set(FAMILIES)
    for skill, words in PHRASINGS.items():
        assert not {*words} & {*HELD_OUT_PHRASINGS[skill]}
    labels = [skill.label for skill in all_skills(OBJECTS, PLACES, DRAWERS)]
    assert phrasings(labels)["open the top drawer"][0] == "pull the top drawer open"
    assert phrasings(labels).keys() == {*labels} - {"done"}
    for split in SPLITS.values():
        check_terms(split.randomization, TERMS)


@pytest.mark.parametrize("skill", ["find", "pick up", "put down"])
def test_seen_episodes_leave_out_what_unseen_ones_ask_for(skill: str) -> None:
    for number in range(8):
        label = drawn("seen", skill, number).start.task
        assert not is_held_out(*parts(label))
        unseen = drawn("unseen", skill, number)
        assert is_held_out(*parts(unseen.start.task)) == (unseen.held_out == PAIR)
        if number % 2:
            assert unseen.held_out == WORDS
            assert unseen.instruction not in (unseen.start.task, *PHRASINGS)
            assert parts(unseen.start.task)[1] in unseen.instruction
        else:
            assert unseen.instruction == unseen.start.task


def test_skills_without_objects_are_unseen_by_their_words() -> None:
    asked = drawn("unseen", "bring it to you", 0)
    assert asked.held_out == WORDS
    assert asked.instruction in HELD_OUT_PHRASINGS["bring it to you"]


def test_distractors_and_backgrounds_begin_as_seen_episodes_do() -> None:
    for number in range(4):
        seen = drawn("seen", "pick up", number).start
        assert drawn("backgrounds", "pick up", number).start == seen
        more = drawn("distractors", "pick up", number).start
        before, after = seen.options["start"]["objects"], more.options["start"]["objects"]
        assert after[: len(before)] == before
        assert 6 <= len(after) - len(before) <= 9
        assert parts(seen.task)[1] not in {name for name, _ in after[len(before) :]}
        assert more.seed == seen.seed


def test_the_seed_decides_and_is_never_one_that_demonstrations_begin_with() -> None:
    assert drawn("seen", "open", 3).start == drawn("seen", "open", 3).start
    assert drawn("seen", "open", 3).start != drawn("seen", "open", 3, seed=1).start
    recorded = {KitchenTask("open", 0).start(number).seed for number in range(50)}
    rolled = {drawn("seen", "open", number).start.seed for number in range(10)}
    assert len(rolled) == 10
    assert not recorded & rolled


def test_tasks_take_turns_and_more_episodes_are_the_same_and_others_behind() -> None:
    settings = settings_of("open", "close", splits=("seen", "unseen"))
    five = planned_episodes(settings, 5)
    assert [e.key for e in five[:3]] == ["seen/open/0", "seen/close/0", "seen/open/1"]
    assert {e.key for e in five} < {e.key for e in planned_episodes(settings, 6)}


def test_tasks_are_checked() -> None:
    assert checked_tasks(settings_of()) == FAMILIES
    assert checked_tasks(settings_of("all")) == FAMILIES
    assert checked_tasks(settings_of("Pick up  the apple")) == ("pick up the apple",)
    with pytest.raises(UserError, match='"juggle" is no skill'):
        checked_tasks(settings_of("juggle"))
    with pytest.raises(UserError, match="robo scenarios"):
        checked_tasks(settings_of("find the apple, pick up the apple"))
    with pytest.raises(UserError, match="held out.*--split unseen"):
        checked_tasks(settings_of("pick up the orange"))
    assert checked_tasks(settings_of("pick up the orange", splits=["unseen"]))


def test_the_file_of_phrasings_is_what_the_columns_train_with() -> None:
    labels = [skill.label for skill in all_skills(OBJECTS, PLACES, DRAWERS)]
    labels = [label for label in labels if not is_held_out(*parts(label))]
    path = Path(__file__).parents[2] / "scenarios" / "kitchen_phrasings.json"
    assert json.loads(path.read_text(encoding="utf-8")) == phrasings(labels)
