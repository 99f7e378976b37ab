"""What goes wrong in the middle of an episode ends it in good order, and what was done is kept."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from envs.kitchen.start import StartState
from planners.examples import parse_label
from planners.language_models import transport
from planners.skills import DONE
from robo import kitchen_body, planning
from robo.agent import run_episode
from robo.commands.run import Run
from robo.commands.scenarios import Scenarios
from robo.errors import UserError
from robo.kitchen_body import KitchenBody
from robo.planning import PlannerConfig, kitchen_skills
from robo.results import write_json
from robo.rollouts import actors
from robo.rollouts.folder import RESULTS, SETTINGS, RunFolder
from robo.video import VideoWriter
from tests.planners.language_model_servers import EchoServer, serve
from tests.planners.tiny_language_models import VOCABULARY, tiny_llama
from tests.robo.test_agent import Script

START = StartState(robot="user", objects=(("apple", "table"),))
FRAME = np.zeros((64, 96, 3), np.uint8)


class Mad:
    """An expert that gives one action over and over."""

    finished = False
    failure = None

    def __init__(self, action: NDArray[np.float32]) -> None:
        self.action = action

    def act(self, state: object) -> NDArray[np.float32]:
        return self.action


def test_an_action_that_is_no_number_fails_its_skill_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with KitchenBody(START, seed=0) as body:
        with monkeypatch.context() as patch:
            nothing = Mad(np.full(11, np.nan, np.float32))
            patch.setattr(actors, "make_expert", lambda *_arguments: nothing)
            outcome = body.execute(parse_label("go to the table"))
        assert outcome.feedback == "failed: the action was not a number"
        assert not body.unstable
        assert body.execute(parse_label("go to the table")).success


def test_actions_far_out_of_range_are_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kitchen_body, "SKILL_SECONDS", 3.0)
    rng = np.random.default_rng(0)
    with KitchenBody(START, seed=0) as body:
        wild = Mad(rng.choice([-1e30, 1e30], 11).astype(np.float32))
        wild.action[10] = 0.0
        monkeypatch.setattr(actors, "make_expert", lambda *_arguments: wild)
        assert not body.execute(parse_label("find the apple")).success
        assert np.isfinite(body.env.data.qpos).all()


def test_an_episode_ends_where_the_simulation_breaks_down() -> None:
    skills = kitchen_skills()
    labels = tuple(skill.label for skill in skills)
    with KitchenBody(START, seed=0) as body:

        def break_down(_decision: object) -> None:
            body.env.data.qvel[:] = np.nan

        episode = run_episode(
            Script("find the apple", "pick up the apple", labels=labels),
            skills,
            body,
            "eat",
            on_decision=break_down,
        )
    assert not episode.done
    assert [step.outcome.feedback for step in episode.steps] == [
        "failed: the simulation broke down"
    ]


class MortalServer(EchoServer):
    """Likes the letters of "find the apple"; hangs up on everybody once it is dead."""

    network = tiny_llama(context=8192)
    alive = True

    def log_probabilities(self, tokens: list[int]) -> torch.Tensor:
        liked = torch.zeros(VOCABULARY)
        liked[list(b"find the apple")] = 5.0
        return liked.log_softmax(-1).expand(len(tokens), -1)

    def complete(self, content: dict[str, Any]) -> None:
        if type(self).alive:
            super().complete(content)
        else:
            self.close_connection = True


def test_a_server_that_dies_in_the_middle_ends_the_run_and_its_report_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = tmp_path / "scene.json"
    scene.write_text(json.dumps(START.to_dict()), encoding="utf-8")
    monkeypatch.setattr(transport, "_FIRST_PAUSE", 0.001)
    monkeypatch.setattr(MortalServer, "alive", True)
    skills = (parse_label("find the apple"), parse_label("pick up the apple"), DONE)
    monkeypatch.setattr(planning, "kitchen_skills", lambda: skills)
    write_report = Run._write_report

    def write_and_kill(*arguments: Any) -> None:
        write_report(*arguments)
        MortalServer.alive = False

    monkeypatch.setattr(Run, "_write_report", write_and_kill)
    with serve(MortalServer) as address:
        planner = PlannerConfig(llm=address, prompt="scene", formula="mean")
        command = Run("eat the apple", scene, tmp_path / "out", video=False, planner=planner)
        with pytest.raises(UserError, match="no language model answers at") as caught:
            command.execute()
    assert "\n" not in str(caught.value)
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["plan"] == ["find the apple"]
    assert (tmp_path / "out" / "scores.png").exists()


def test_a_model_that_cannot_be_had_is_a_sentence_from_a_worker_too(tmp_path: Path) -> None:
    line = {
        "id": "a",
        "family": "single",
        "instruction": "Go to the table.",
        "start": START.to_dict(),
        "goal": {"any": [{"robot_at": "table"}]},
    }
    file = tmp_path / "set.jsonl"
    file.write_text(json.dumps(line) + "\n", encoding="utf-8")
    planner = PlannerConfig(llm="gpt-9")
    with pytest.raises(UserError, match='no language model "gpt-9"'):
        Scenarios(file, tmp_path / "out", plan_only=True, planner=planner).execute()


@pytest.mark.parametrize("name", [RESULTS, SETTINGS])
def test_damaged_results_are_named(tmp_path: Path, name: str) -> None:
    for file, text in ((SETTINGS, "{}"), (RESULTS, '{"key": 1}\n'), (name, "{nonsense\n")):
        (tmp_path / file).write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=f"{name}.*: damaged; choose another --out"):
        RunFolder(tmp_path, {})


def test_a_film_appears_whole_and_never_in_place_of_one_that_failed(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"earlier")
    with VideoWriter(path, 10):
        pass
    assert path.read_bytes() == b"earlier"
    with VideoWriter(path, 10) as film:
        film.add(FRAME)
        assert path.read_bytes() == b"earlier"
    assert path.stat().st_size > 500
    assert list(tmp_path.iterdir()) == [path]


def test_what_the_disk_refuses_is_a_sentence(tmp_path: Path) -> None:
    refused = pytest.raises(UserError, match=r"cannot write .*gone.*choose another --out")
    with refused:
        write_json(tmp_path / "gone" / "report.json", {})
    with refused, VideoWriter(tmp_path / "gone" / "episode.mp4", 10) as film:
        film.add(FRAME)
