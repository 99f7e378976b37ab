"""Starts of rollouts, drawn from a seed as each column asks."""

from collections import Counter
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np

from envs.kitchen.layout import SURFACES
from envs.kitchen.start import StartState
from envs.kitchen.vocabulary import MAX_INSTANCES, OBJECTS, PLACES
from robo.errors import UserError
from robo.recording.environments import default_task, is_kitchen
from robo.recording.kitchen import KitchenTask, chain_of
from robo.recording.tasks import PlainTask, Start, Task
from robo.rollouts.settings import FAMILIES, PlannedEpisode, RolloutSettings
from robo.rollouts.splits import HELD_OUT, HELD_OUT_PHRASINGS, SEEN, SPLITS, is_held_out, parts

DRAWS = 1000
"""How many starts are tried to find one that suits a column."""

PAIR, WORDS = "pair", "words"
"""What may be held out in an episode of the column `unseen`."""


@dataclass(frozen=True)
class Asked:
    """An episode as drawn.

    Attributes:
        task: The task, which judges it.
        start: How it begins; its task text says what is meant.
        instruction: What the policy is told.
        held_out: What was held out from training: "pair", "words" or empty.
    """

    task: Task
    start: Start
    instruction: str
    held_out: str = ""


def draw(settings: RolloutSettings, planned: PlannedEpisode) -> Asked:
    """Draw an episode of a run; the same settings and episode give the same start.

    Raises:
        UserError: The column has no such episode.
    """
    if not is_kitchen(settings.id):
        plain = PlainTask(planned.task, settings.draws)
        return Asked(plain, plain.start(planned.number), planned.task)
    split = SPLITS[planned.split]
    skill, argument = parts(planned.task)
    rng = np.random.default_rng([settings.draws, crc32(planned.key.encode())])
    held_out = ""
    if split.held_out:
        pairs = is_held_out(skill, argument) if argument else skill in HELD_OUT
        held_out = PAIR if pairs and (argument or planned.number % 2 == 0) else WORDS
    task = KitchenTask(planned.task, settings.draws)
    start = _fitting(task, planned, held_out == PAIR)
    label = start.task
    skill, argument = parts(label)
    instruction = label
    if held_out == WORDS:
        instruction = str(rng.choice(HELD_OUT_PHRASINGS[skill])).format(argument)
    if split.distractors[1]:
        state = with_distractors(start, rng, *split.distractors)
        start = replace(start, options={**start.options, "start": state.to_dict()})
    return Asked(task, start, instruction, held_out)


def _fitting(task: KitchenTask, planned: PlannedEpisode, held_out: bool) -> Start:
    """The first of an episode's own starts whose skill and object are, or are not, held out."""
    first = planned.number * DRAWS
    for number in range(first, first + DRAWS):
        start = task.start(number)
        if is_held_out(*parts(start.task)) == held_out:
            return start
    raise UserError(f'"{planned.task}" has no start for the column "{planned.split}"')


def with_distractors(start: Start, rng: np.random.Generator, least: int, most: int) -> StartState:
    """A start with more objects, half of them where the skill's object is, room permitting.

    Args:
        start: The start of a skill.
        rng: Random generator.
        least: Minimum number of objects to add.
        most: Maximum number of objects to add.
    """
    state = StartState.from_dict(start.options["start"])
    _, argument = parts(start.task)
    here = next((place for name, place in state.objects if name == argument), state.robot)
    objects = list(state.objects)
    names, places = Counter(state.object_names), Counter(place for _, place in objects)
    wanted = len(objects) + int(rng.integers(least, most + 1))
    while len(objects) < wanted:
        name, place = str(rng.choice(OBJECTS)), str(rng.choice(PLACES))
        if rng.random() < 0.5 and places[here] < SURFACES[here].capacity - 1:
            place = here
        fits = names[name] < MAX_INSTANCES and places[place] < SURFACES[place].capacity - 1
        if name != argument and fits:
            objects.append((name, place))
            names[name] += 1
            places[place] += 1
    return replace(state, objects=tuple(objects))


def checked_tasks(settings: RolloutSettings) -> tuple[str, ...]:
    """The tasks of a run, in full.

    Args:
        settings: Their tasks may be none, "all", families, skills or, elsewhere, any words.

    Raises:
        UserError: The kitchen has no such skill, or a column does not apply to this run.
    """
    if not is_kitchen(settings.id):
        if settings.splits != (SEEN,):
            raise UserError("--split is for the kitchen; leave it out")
        return tuple(dict.fromkeys(settings.tasks)) or (default_task(settings.id) or settings.id,)
    tasks = settings.tasks
    if not tasks or "all" in tasks:
        tasks = FAMILIES
    tasks = tuple(dict.fromkeys(" ".join(task.split()).lower() for task in tasks))
    for task in tasks:
        chain = chain_of(task)
        if chain is None or len(chain) != 1:
            raise UserError(
                f'"{task}" is no skill of the kitchen; give one such as "pick up the apple", '
                f'one of {", ".join(FAMILIES)}, or "all" (robo scenarios carries out longer tasks)'
            )
        skill, argument = parts(task)
        seen = [name for name in settings.splits if not SPLITS[name].held_out]
        if is_held_out(skill, argument) and seen:
            raise UserError(
                f'"{task}" is held out from training data, so it is not in the column '
                f'"{seen[0]}"; give --split unseen'
            )
    return tasks
