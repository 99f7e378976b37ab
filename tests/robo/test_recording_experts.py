"""Experts in the kitchen: chains, starts from a seed, noise, shards, the same for any workers."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from envs.kitchen.experts import make_expert
from envs.kitchen.layout import distance
from envs.kitchen.start import StartState
from envs.kitchen.vocabulary import DRAWERS
from planners.skills import Skill, Verb, apply_skill, obstacle
from robo.commands.record import FAMILIES, Record
from robo.data.errors import DatasetError
from robo.data.features import ACTION, CAPTURE_TIME, STATE, SUBTASK, SUCCESS
from robo.data.lerobot_reader import Dataset
from robo.data.recovery import LOCK_FILE
from robo.data.storage import Lock
from robo.data.validate import validate
from robo.errors import UserError
from robo.kitchen_world import EXPERT_NAMES, skill_target, world_of_state
from robo.recording import expert_episodes
from robo.recording.environments import make_environment
from robo.recording.expert import ExpertDevice
from robo.recording.expert_episodes import record_experts
from robo.recording.expert_parts import RESULTS, SETTINGS, ExpertResult, read_results
from robo.recording.expert_settings import ExpertSettings
from robo.recording.kitchen import KitchenTask, chain_of, kitchen_of, skills_of
from robo.recording.origin import Origin
from robo.recording.recorder import SENT_ACTION, Recorder
from robo.recording.replaying import replay_episode
from robo.recording.session import Session
from robo.rollouts.actors import Assignment, Counts
from robo.rollouts.splits import is_held_out, parts
from robo.scenario import world_of

KITCHEN = "robo/Kitchen-v1"
SMALL = Path(__file__).parent / "kitchen-small"
"""Made by the command that docs/datasets.md gives."""
FETCH = "find the apple, pick up the apple, bring it to you"


# --------------------------------------------------------------------------------------- tasks
def test_words_name_skills_chains_and_families() -> None:
    assert skills_of(FETCH) == (
        Skill(Verb.FIND, "apple"), Skill(Verb.PICK_UP, "apple"), Skill(Verb.BRING)
    )  # fmt: skip
    assert skills_of("Open  the top drawer") == (Skill(Verb.OPEN, "top drawer"),)
    for family in FAMILIES:
        chain = chain_of(family)
        assert chain is not None
        assert len(chain) == 1
    for words in ("bring me the sponge", "pick up the kiwi", "pick up, fly", ""):
        assert chain_of(words) is None


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_draws_what_it_is_about(family: str) -> None:
    task = KitchenTask(family, seed=3)
    starts = [task.start(number) for number in range(8)]
    assert starts == [KitchenTask(family, seed=3).start(number) for number in range(8)]
    assert len({start.seed for start in starts}) == 8
    assert all(start.task.startswith(family) for start in starts)
    for start in starts:
        state = StartState.from_dict(start.options["start"])
        assert 8 <= len(state.objects) <= 13


def test_a_chain_of_families_draws_what_can_be_done_in_turn() -> None:
    task = KitchenTask("go to, open, find, pick up, bring", seed=3, hold_out=True)
    drawn = [task.start(number) for number in range(20)]
    assert len({start.task for start in drawn}) > 10
    for start in drawn:
        world = world_of(StartState.from_dict(start.options["start"]))
        for skill in skills_of(start.task):
            assert obstacle(world, skill, distance) is None
            assert not is_held_out(skill.verb, skill.argument)
            world = apply_skill(world, skill, distance)
    with pytest.raises(UserError, match="no start was found"):
        KitchenTask("open, put down").start(0)


@pytest.mark.parametrize("family", ["open", "close"])
def test_a_half_open_drawer_can_be_opened_and_closed(family: str, tmp_path: Path) -> None:
    made = make_environment(KITCHEN, image_size=0)
    task = KitchenTask(family, seed=4, half_open=True)
    start = task.start(0)
    drawers = StartState.from_dict(start.options["start"]).drawers
    assert drawers[parts(start.task)[1]] == "half open"
    recorder = Recorder(made.env, tmp_path / "set", task, arguments=made.arguments)
    episode = Session(recorder, ExpertDevice(), wanted=1).record(0)
    recorder.close()
    assert episode is not None
    assert episode.info.success


def test_pairs_that_test_generalisation_are_held_out() -> None:
    free, kept = KitchenTask("pick up", seed=3), KitchenTask("pick up", seed=3, hold_out=True)
    drawn = [free.start(number).task for number in range(60)]
    shown = [kept.start(number).task for number in range(60)]
    assert any(is_held_out(*parts(task)) for task in drawn)
    assert not any(is_held_out(*parts(task)) for task in shown)
    same = [one == other for one, other in zip(drawn, shown, strict=True)]
    assert same == [not is_held_out(*parts(task)) for task in drawn]


def test_another_seed_draws_other_starts() -> None:
    assert KitchenTask("find", seed=0).start(0) != KitchenTask("find", seed=1).start(0)


def test_a_start_suits_the_whole_chain() -> None:
    task = KitchenTask("open the top drawer, pick up the sponge, close the top drawer")
    with pytest.raises(UserError, match="no start was found"):
        task.start(0)  # a full hand closes no drawer
    state = StartState.from_dict(KitchenTask(FETCH).start(0).options["start"])
    places = {place for name, place in state.objects if name == "apple"}
    assert any(state.drawers.get(place, "open") == "open" for place in places)
    assert set(state.drawers) == set(DRAWERS)


# ------------------------------------------------------------------------------------ recorded
@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small made set: a chain and two families with noise."""
    root = tmp_path_factory.mktemp("experts") / "small"
    settings = ExpertSettings(KITCHEN, seed=1, noise=0.2, image_size=32, note="small")
    report = record_experts(root, ["go to", FETCH, "open"], 1, settings, workers=2)
    assert report.kept == 3
    return root


def test_experts_record_labelled_successes(made: Path) -> None:
    dataset = Dataset(made)
    assert not validate(made, images=False).errors
    words = [episode.tasks[0] for episode in dataset.episodes]
    assert words[1] == FETCH
    assert words[0].startswith("go to the ")
    assert words[2].startswith("open the ")
    last = [episode.stop - 1 for episode in dataset.episodes]
    assert dataset.column(SUCCESS)[last].all()
    chain = slice(dataset.episodes[1].start, dataset.episodes[1].stop)
    labels = [dataset.labels[number] for number in dataset.column(SUBTASK)[chain]]
    assert list(dict.fromkeys(labels)) == FETCH.split(", ")
    assert dataset.column(ACTION)[last, 10].tolist() == [2.0, 2.0, 2.0]


def test_everything_that_is_needed_to_make_it_again_is_kept(made: Path) -> None:
    for episode in Dataset(made).episodes:
        info = episode.info
        assert (info.environment, info.device, info.operator_note) == (KITCHEN, "expert", "small")
        assert info.success_rule_version.startswith("kitchen-")
        assert info.start["draw"]["seed"] == 1
        assert info.start["arguments"]["image_size"] == 32
        StartState.from_dict(info.start["options"]["start"])


def test_noise_is_sent_and_the_correction_is_the_label(made: Path) -> None:
    dataset = Dataset(made)
    action, sent = dataset.column(ACTION), dataset.column(SENT_ACTION)
    differ = np.abs(action - sent) > 1e-6
    assert differ.any(axis=1).mean() > 0.5
    assert not differ[:, [6, 10]].any()
    still = np.linalg.norm(action[:, :3], axis=1) == 0
    assert not differ[still][:, :3].any()


def test_simulated_time_is_what_the_clock_shows(made: Path) -> None:
    dataset = Dataset(made)
    first = dataset.episodes[0]
    times = dataset.column(CAPTURE_TIME)[: first.stop]
    np.testing.assert_allclose(times, np.arange(first.length) / dataset.fps)


def test_what_is_there_is_not_recorded_again(made: Path) -> None:
    settings = ExpertSettings(KITCHEN, seed=1, noise=0.2, image_size=32, note="small")
    before = (made / "meta" / "info.json").read_bytes()
    assert record_experts(made, ["go to", FETCH], 1, settings, workers=2).kept == 0
    assert (made / "meta" / "info.json").read_bytes() == before


CUT = ExpertSettings(KITCHEN, seed=4, noise=0.1, image_size=0)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three episodes by one process in one go."""
    root = tmp_path_factory.mktemp("uninterrupted") / "set"
    record_experts(root, ["go to"], 3, CUT, workers=1)
    return root


def assert_same(one: Path, other: Path) -> None:
    left, right = Dataset(one), Dataset(other)
    for a, b in zip(left.episodes, right.episodes, strict=True):
        assert (a.tasks, a.length, a.info.seed) == (b.tasks, b.length, b.info.seed)
        assert (a.info.start, a.info.success) == (b.info.start, b.info.success)
    for key in (STATE, ACTION, SENT_ACTION, SUCCESS, SUBTASK):
        np.testing.assert_array_equal(left.column(key), right.column(key))
    assert [path.name for path in other.parent.iterdir()] == [other.name]


def test_workers_and_interruptions_do_not_change_what_is_recorded(
    uninterrupted: Path, tmp_path: Path
) -> None:
    def cut(result: ExpertResult) -> None:
        raise KeyboardInterrupt

    root = tmp_path / "set"
    with pytest.raises(KeyboardInterrupt):
        record_experts(root, ["go to"], 3, CUT, workers=2, on_result=cut)
    with pytest.raises(UserError, match="seed 4 there, 5 now"):
        record_experts(root, ["go to"], 3, ExpertSettings(KITCHEN, seed=5), workers=1)
    done: list[ExpertResult] = []
    record_experts(root, ["go to"], 3, CUT, workers=2, on_result=done.append)
    assert len(done) < 3
    assert_same(uninterrupted, root)


def test_fewer_episodes_than_a_cut_off_run_made_are_put_together(
    uninterrupted: Path, tmp_path: Path
) -> None:
    done: list[ExpertResult] = []

    def cut(result: ExpertResult) -> None:
        done.append(result)
        if len(done) == 3:
            raise KeyboardInterrupt

    root = tmp_path / "set"
    with pytest.raises(KeyboardInterrupt):
        record_experts(root, ["go to"], 9, CUT, workers=1, on_result=cut)
    with pytest.raises(UserError, match='holds episodes of "go to"'):
        record_experts(root, ["open"], 1, CUT, workers=1)
    report = record_experts(root, ["go to"], 3, CUT, workers=1, on_result=done.append)
    assert report.kept == 3
    assert len(done) == 3, "nothing was recorded again"
    assert_same(uninterrupted, root)


def test_a_kill_of_all_its_processes_does_not_change_what_is_recorded(
    uninterrupted: Path, tmp_path: Path
) -> None:
    root = tmp_path / "set"
    options = f"--device expert --env {KITCHEN} --episodes 3 --seed 4 --noise 0.1 --image-size 0"
    command = [sys.executable, "-m", "robo", "record", *options.split(), "--workers", "2"]
    command += ["--task", "go to", "--dataset", str(root)]
    results = tmp_path / ".set.parts" / RESULTS
    child = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    limit = time.monotonic() + 600
    while not (results.exists() and results.stat().st_size) and time.monotonic() < limit:
        assert child.poll() is None
        time.sleep(0.01)
    os.killpg(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    assert not root.exists()
    assert results.exists(), "it was killed in the middle"
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    assert_same(uninterrupted, root)


# ----------------------------------------------------------------------- the set in the repository
def test_the_small_made_set_is_whole_and_shakes_once() -> None:
    dataset = Dataset(SMALL)
    assert [episode.info.start["draw"]["task"] for episode in dataset.episodes] == list(FAMILIES)
    assert all(episode.info.success for episode in dataset.episodes)
    assert dataset.cameras == ["observation.images.head", "observation.images.wrist"]
    report = validate(SMALL)
    assert not report.errors
    # While it opens a drawer, the arm does shake: joint 6 is at its end and the others turn back.
    assert {(f.episode, f.check) for f in report.findings} == {(5, "jump")}


def test_the_small_made_set_is_what_its_seed_draws() -> None:
    for episode in Dataset(SMALL).episodes:
        info = episode.info
        draw = info.start["draw"]
        start = KitchenTask(draw["task"], seed=draw["seed"]).start(draw["number"])
        assert (episode.tasks, info.seed) == ((start.task,), start.seed)
        assert info.start["options"] == start.options


def test_the_small_made_set_comes_back_in_the_kitchen() -> None:
    episode = min(Dataset(SMALL).episodes, key=lambda episode: episode.length)
    task = KitchenTask(episode.tasks[0])
    env = make_environment(KITCHEN, image_size=0).env
    replayed = replay_episode(env, SMALL, episode, task)
    assert replayed.success
    assert replayed.mean is not None
    assert replayed.mean < 0.01


# --------------------------------------------------------------------------------------- plans
def plan(outcomes: list[bool], episodes: int) -> tuple[list[int], list[int]]:
    """Which draws a plan asks for with three at a time, and which count."""
    made = expert_episodes._Plan("go to", episodes, {})
    asked: list[int] = []
    running: list[int] = []
    while True:
        while len(running) < 3 and (number := made.next()) is not None:
            asked.append(number)
            running.append(number)
        if not running:
            return asked, [result.number for result in made.counted() if result.success]
        number = running.pop()  # the last one begun is done first
        good = outcomes[number]
        shard = "a" if good else ""
        made.take(ExpertResult("go to", number, good, "" if good else "fell", 9, 1, 1, shard))


def test_the_first_draws_that_succeed_are_kept_whatever_is_done_first() -> None:
    asked, kept = plan([True, False, True, True, False, True, True], 3)
    assert kept == [0, 2, 3]
    assert set(asked) >= {0, 1, 2, 3}
    assert len(asked) <= 6


def test_a_task_that_always_fails_is_given_up() -> None:
    with pytest.raises(UserError, match="fails too often"):
        plan([False] * 99, 3)


# ------------------------------------------------------------------------------------- command
@pytest.mark.parametrize(
    ("options", "saying"),
    [
        ({"task": "dance"}, "does not know"),
        ({"task": "go to", "env": "CartPole-v1"}, "no expert"),
        ({"task": "go to", "scene": Path("x.json")}, "leave out --scene"),
        ({"task": "go to", "episodes": 0}, "1 or more"),
        ({"task": "go to", "randomization": ("weather",)}, "weather"),
        ({"task": "go to", "noise": float("nan")}, "--noise 0 or more"),
        ({"task": "go to", "max_seconds": float("nan")}, "--max-seconds is nan"),
        ({"task": "go to", "seed": -1}, "--seed is -1"),
        ({"task": "go to", "after": "nope"}, "nope"),
        ({"task": "go to", "after": "rt1", "astray": True}, "two kinds of corrections"),
        ({"task": "go to", "interrupted": True}, "name it with --after"),
    ],
)
def test_mistakes_are_refused(tmp_path: Path, options: dict, saying: str) -> None:
    with pytest.raises(UserError, match=saying):
        Record(dataset=tmp_path / "set", device="expert", **options).execute()
    assert not list(tmp_path.iterdir())


@pytest.fixture
def never_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails a test that begins to record."""

    def fail(*_: object) -> None:
        pytest.fail("it began to record")

    monkeypatch.setattr(expert_episodes, "_run", fail)


@pytest.mark.usefixtures("never_run")
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (ExpertSettings(KITCHEN, seed=1, noise=0.2, image_size=48), "images.head.* 48"),
        (ExpertSettings(KITCHEN, seed=1, noise=0.0, image_size=32), "sent_action.* missing here"),
    ],
)
def test_a_set_of_other_features_is_refused_before_anything_is_recorded(
    settings: ExpertSettings, message: str, tmp_path: Path
) -> None:
    root = tmp_path / "set"
    shutil.copytree(SMALL, root)
    with pytest.raises(DatasetError, match=message):
        record_experts(root, ["go to"], 2, settings, workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


@pytest.mark.usefixtures("never_run")
def test_one_process_records_into_a_set_at_a_time(tmp_path: Path) -> None:
    lock = Lock(tmp_path / ".set.parts" / LOCK_FILE)
    with pytest.raises(DatasetError, match="another process is writing to .*/set;"):
        record_experts(tmp_path / "set", ["go to"], 1, CUT, workers=1)
    lock.release()


@pytest.mark.usefixtures("never_run")
@pytest.mark.parametrize(
    ("name", "text"),
    [(SETTINGS, "{"), (SETTINGS, "[]"), (RESULTS, "{}\n"), (RESULTS, "nonsense\n")],
)
def test_what_a_cut_off_run_left_damaged_is_said(name: str, text: str, tmp_path: Path) -> None:
    parts = tmp_path / ".set.parts"
    parts.mkdir()
    (parts / name).write_text(text)
    with pytest.raises(UserError, match="remove the folder to record its episodes anew"):
        record_experts(tmp_path / "set", ["go to"], 1, CUT, workers=1)


def test_a_line_that_was_cut_off_goes_and_the_others_are_not_written_again(tmp_path: Path) -> None:
    result = ExpertResult("find the \u2028 tea", 0, True, "", 9, 1, 1, "a", 0)
    line = json.dumps(asdict(result), ensure_ascii=False) + "\n"
    file = tmp_path / RESULTS
    file.write_text(line + '{"task": "go')
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))  # as on a full disk
    try:
        assert read_results(tmp_path) == [result]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert file.read_text() == line


# ------------------------------------------------------------------------------------ corrections
class Wanderer:
    """Acts first: raises the gripper for ten steps, then says that it is done."""

    failure = None

    def begin(self, env: gymnasium.Env[Any, Any], assignment: Assignment) -> None:
        self.counts = Counts()
        self.finished = False
        self.words = assignment.instruction
        self._steps = 0

    def act(self, observation: Any) -> np.ndarray:
        self._steps += 1
        self.finished = self._steps > 10
        return np.array([0.0, 0.0, 0.02, *(0.0,) * 3, 1.0, *(0.0,) * 4], np.float32)


def test_corrections_begin_where_the_policy_has_got(tmp_path: Path) -> None:
    made = make_environment(KITCHEN, image_size=0)
    task, policy = KitchenTask("pick up the tea", seed=6), Wanderer()
    device = ExpertDevice(leader=policy)
    recorder = Recorder(made.env, tmp_path / "set", task, arguments=made.arguments)
    episode = Session(recorder, device, wanted=1).record(0)
    plain = Session(recorder, ExpertDevice(), wanted=2).record(0)
    recorder.close()
    assert episode is not None
    assert plain is not None
    lead = np.array(Origin.of(episode.info).lead)
    assert 1 <= len(lead) <= 10
    assert policy.words == "pick up the tea"
    dataset = Dataset(tmp_path / "set")
    states = dataset.column(STATE)
    rise = states[episode.start, 16] - states[plain.start, 16]
    assert rise == pytest.approx(0.02 * len(lead), abs=0.03)
    assert rise > 0.004
    # What was not recorded is sent again in a replay, so that the rest comes out the same.
    replay = replay_episode(made.env, tmp_path / "set", episode, task)
    assert replay.worst == 0
    assert replay.success
    assert Origin.of(plain.info).lead == ()


class Guide(Wanderer):
    """Carries out every skill as the expert would."""

    def begin(self, env: Any, assignment: Assignment) -> None:
        self.words = f"{self.words}; {assignment.label}"
        self._kitchen = kitchen_of(env)
        (skill,) = skills_of(assignment.label)
        world = world_of_state(self._kitchen.kitchen_state, None)
        thing, place = skill_target(world, skill)
        self._expert = make_expert(self._kitchen.scene, EXPERT_NAMES[skill.verb], thing, place)

    def act(self, observation: Any) -> np.ndarray:
        action = self._expert.act(self._kitchen.kitchen_state)
        self.finished = self._expert.finished
        return action


def test_a_policy_leads_from_skill_to_skill(tmp_path: Path) -> None:
    made = make_environment(KITCHEN, image_size=0)
    start = StartState("user", None, (("tea", "table"),))
    chain = "go to the table, pick up the tea, bring it to you"
    task = KitchenTask(chain, seed=6, start=start)
    recorder = Recorder(made.env, tmp_path / "set", task, arguments=made.arguments)
    shown = []
    for draw in range(6):
        policy = Guide()
        policy.words = ""
        device = ExpertDevice(leader=policy)
        episode = Session(recorder, device, wanted=6).record(draw)
        if episode is None:
            assert device.failure == "it is done already"
            shown.append((policy.words, []))
        else:
            assert episode.info.success
            frames = Dataset(tmp_path / "set").column("subtask_index")[episode.start : episode.stop]
            shown.append((policy.words, list(dict.fromkeys(frames.ravel().tolist()))))
    recorder.close()
    told = {words.count(";") for words, _ in shown}
    assert len(told) > 1
    for words, labels in shown:
        # A skill that the policy was in is finished by the expert, those before are not recorded.
        assert len(labels) in (3 - words.count(";"), 4 - words.count(";"))


def test_an_interrupted_policy_is_corrected_from_where_that_led(tmp_path: Path) -> None:
    made = make_environment(KITCHEN, image_size=0)
    chain = ["go to the table", "pick up the tea", "bring it to you"]
    start = StartState("user", None, (("tea", "table"),))
    task = KitchenTask(", ".join(chain), seed=6, start=start)
    recorder = Recorder(made.env, tmp_path / "set", task, arguments=made.arguments)
    told, leads = set(), []
    for draw in range(6):
        policy = Guide()
        policy.words = ""
        device = ExpertDevice(leader=policy, interrupted=True)
        episode = Session(recorder, device, wanted=6).record(draw)
        _, other, *own = policy.words.split("; ")
        told.add(other)
        assert own == chain[: len(own)]
        if episode is None:
            assert device.failure == "it is done already"
            continue
        assert episode.info.success
        leads.append(len(Origin.of(episode.info).lead))
        replay = replay_episode(made.env, tmp_path / "set", episode, task)
        assert replay.worst == 0
        assert replay.success
    recorder.close()
    assert len(told) >= 3
    assert chain[0] not in told
    assert leads
    assert min(leads) > 0


def test_a_hand_that_was_led_astray_is_recorded_on_its_way_back(tmp_path: Path) -> None:
    made = make_environment(KITCHEN, image_size=0)
    task = KitchenTask("pick up the tea", seed=6)
    recorder = Recorder(made.env, tmp_path / "set", task, arguments=made.arguments)
    session = Session(recorder, ExpertDevice(astray=True), wanted=4)
    episodes = [session.record(draw) for draw in range(4)]
    recorder.close()
    kept = [episode for episode in episodes if episode is not None]
    assert len(kept) >= 2
    state = Dataset(tmp_path / "set").column(STATE)
    for episode in kept:
        lead = np.array(Origin.of(episode.info).lead)
        assert len(lead) >= 4
        # The last that was not recorded goes straight on, for some steps, whatever was wanted.
        assert (lead[-3:] == lead[-1]).all()
        assert np.abs(lead[-1][[0, 1, 7, 8]]).max() > 1e-4
        assert episode.info.success
        assert state[episode.stop - 1, 23] < 0.9  # something is in the hand
    replay = replay_episode(made.env, tmp_path / "set", kept[0], task)
    assert replay.worst == 0
    assert replay.success


def test_who_is_held_back_takes_longer_and_the_label_is_what_was_wanted(tmp_path: Path) -> None:
    made = make_environment(KITCHEN, image_size=0)
    frames = []
    for held_back in (False, True):
        root = tmp_path / str(held_back)
        task = KitchenTask("pick up the tea", seed=6)
        recorder = Recorder(made.env, root, task, with_sent_action=True)
        episode = Session(recorder, ExpertDevice(held_back=held_back), wanted=1).record(1)
        recorder.close()
        assert episode is not None
        frames.append(episode.stop - episode.start)
    recorded = Dataset(root)
    wanted, sent = recorded.column(ACTION), recorded.column(SENT_ACTION)
    motions = np.linalg.norm(wanted[:, :3], axis=1) > 1e-3
    share = np.linalg.norm(sent[motions, :3], axis=1) / np.linalg.norm(wanted[motions, :3], axis=1)
    assert 0.1 < np.mean(share < 0.61) < 0.7
    assert np.isclose(share[share > 0.61], 1.0).all()
    np.testing.assert_array_equal(wanted[:, [6, 10]], sent[:, [6, 10]])
    assert frames[1] > frames[0] + 5


def test_what_was_done_before_it_strayed_is_not_recorded(tmp_path: Path) -> None:
    made = make_environment(KITCHEN, image_size=0)
    there = StartState("trash", None, (("tea", "table"),))
    recorder = Recorder(made.env, tmp_path / "set", KitchenTask("go to the trash", start=there))
    device = ExpertDevice(astray=True)
    failures = set()
    for draw in range(3):
        assert Session(recorder, device, wanted=1).record(draw) is None
        failures.add(device.failure)
    assert failures <= {"done before it strayed", "it is done already"}
    recorder.close()


class Strict(KitchenTask):
    """A task that nobody ever does."""

    def judge(self, env: Any, info: Any) -> bool:
        return False


@pytest.mark.parametrize("keep_failures", [False, True])
def test_the_rule_has_the_last_word(keep_failures: bool, tmp_path: Path) -> None:
    made = make_environment(KITCHEN, image_size=0)
    start = StartState("user", None, (("tea", "table"),))
    recorder = Recorder(made.env, tmp_path / "set", Strict("go to the trash", start=start))
    device = ExpertDevice(keep_failures=keep_failures)
    episode = Session(recorder, device, wanted=1).record(0)
    recorder.close()
    assert device.failure == "the rule says no"
    assert (episode is not None) == keep_failures
    assert episode is None or not episode.info.success


def test_what_is_done_already_needs_no_correction(tmp_path: Path) -> None:
    made = make_environment(KITCHEN, image_size=0)
    there = StartState("trash", None, (("tea", "table"),))
    recorder = Recorder(made.env, tmp_path / "set", KitchenTask("go to the trash", start=there))
    device = ExpertDevice(leader=Wanderer())
    assert Session(recorder, device, wanted=1).record(0) is None
    assert device.failure == "it is done already"
    recorder.close()
