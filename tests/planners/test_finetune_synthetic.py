"""Synthetic requests make sense, and become text whose labels are marked exactly."""

import itertools
import random

from planners.finetune.episodes import PROMPT, SKILLS, episode_of, noisy_turns
from planners.finetune.language import is_held_out
from planners.finetune.nearest_neighbour import parse
from planners.finetune.rollout import Rollout, serves
from planners.finetune.scenes import distance
from planners.finetune.synthetic import examples, steps_of
from planners.skills import obstacle
from planners.symbolic import SymbolicKitchen
from planners.world import describe_scene

SOME = list(itertools.islice(examples(3), 400))


def test_the_same_seed_gives_the_same_requests() -> None:
    again = list(itertools.islice(examples(3), 50))
    assert [e.instruction for e in again] == [e.instruction for e in SOME[:50]]
    assert [e.instruction for e in itertools.islice(examples(4), 50)] != [
        e.instruction for e in again
    ]


def test_every_request_is_filled_in() -> None:
    for example in SOME:
        assert not set("{}") & set(example.instruction)
        assert example.instruction.strip()


def test_every_step_of_a_plan_is_possible() -> None:
    for example in SOME:
        kitchen = SymbolicKitchen(example.start, distance)
        for skill in steps_of(example):
            assert obstacle(kitchen.world, skill, distance) is None
            kitchen.execute(skill)


def test_no_label_begins_another() -> None:
    labels = [skill.label for skill in SKILLS]
    assert not any(a != b and b.startswith(a) for a in labels for b in labels)


def test_held_out_skeletons_are_never_used_in_training() -> None:
    used = {skeleton for example in SOME for skeleton in example.skeletons}
    assert not any(is_held_out(skeleton) for skeleton in used)
    held_out = itertools.islice(examples(3, held_out=True), 30)
    assert all(any(map(is_held_out, example.skeletons)) for example in held_out)


def test_an_episode_is_the_prompt_that_saycan_sees() -> None:
    rng = random.Random(0)
    for example in SOME[:60]:
        turns = noisy_turns(example, rng, 0.2, 0.1)
        episode = episode_of(example, turns)
        scene = describe_scene(example.start)
        wanted = iter(episode.spans)
        for i, turn in enumerate(turns):
            prompt = PROMPT.write(example.instruction, scene, [t.step for t in turns[:i]])
            assert episode.text.startswith(f"{prompt} {turn.step.label}")
            if turn.step.label == turn.wanted:
                begin, end = next(wanted)
                assert (begin, episode.text[begin:end]) == (len(prompt), f" {turn.wanted}")
        assert next(wanted, None) is None


def test_to_do_nothing_serves_nobody() -> None:
    idle = [e for e in SOME if serves(e, Rollout((), e.start))]
    assert not idle


def test_the_parser_finds_names() -> None:
    parsed = parse("Could you put a can of coke on the far counter?")
    assert [noun.names for noun in parsed.things] == [("coke can",)]
    assert parsed.places == ("far counter",)


def test_kinds_of_requests_are_many() -> None:
    kinds = {example.kind for example in SOME}
    assert len(kinds) > 25
    skeletons = {s for example in SOME for s in example.skeletons}
    assert len(skeletons) > 250
