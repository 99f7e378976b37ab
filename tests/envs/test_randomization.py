import json

import mujoco
import numpy as np
import pytest

from envs.kitchen import layout, rules
from envs.kitchen.randomization import TERMS, Distribution, Randomizer
from envs.kitchen.scene import Scene, build_scene, place_objects
from envs.kitchen.start import DEFAULT_START
from envs.kitchen.state import read_state
from envs.terms import check_terms, table


@pytest.fixture(scope="module")
def scene() -> Scene:
    return build_scene(DEFAULT_START)


def model_bytes(model: mujoco.MjModel) -> dict[str, bytes]:
    names = ("geom_rgba", "mat_rgba", "geom_matid", "light_diffuse", "cam_pos", "cam_fovy")
    names += ("geom_friction", "body_mass", "actuator_gainprm", "body_inertia", "cam_quat")
    return {name: getattr(model, name).tobytes() for name in names}


def test_the_table_names_the_promised_terms() -> None:
    assert [row[0] for row in table(TERMS)] == [
        "lights",
        "colours",
        "textures",
        "camera pose",
        "field of view",
        "object poses",
        "friction",
        "mass",
        "actuator gains",
        "control delay",
    ]
    assert all(len(row) == 4 and all(row) for row in table(TERMS))


def test_unknown_terms_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'gravity'"):
        check_terms(["mass", "gravity"], TERMS)


def test_without_terms_nothing_changes(scene: Scene) -> None:
    before = model_bytes(scene.model)
    first, second = mujoco.MjData(scene.model), mujoco.MjData(scene.model)
    assert Randomizer(scene).reset(first, DEFAULT_START, np.random.default_rng(5)) == {}
    place_objects(scene, second, DEFAULT_START, np.random.default_rng(5))
    assert np.array_equal(first.qpos, second.qpos)
    assert model_bytes(scene.model) == before


@pytest.mark.parametrize("name", TERMS)
def test_a_term_is_drawn_from_the_seed_alone_and_taken_back(scene: Scene, name: str) -> None:
    pristine = model_bytes(scene.model)
    randomizer, data = Randomizer(scene, [name]), mujoco.MjData(scene.model)

    def episode(seed: int) -> tuple[str, dict[str, bytes], bytes]:
        samples = randomizer.reset(data, DEFAULT_START, np.random.default_rng(seed))
        assert list(samples) == [name]
        return json.dumps(samples), model_bytes(scene.model), data.qpos.tobytes()

    first = episode(1)
    others = [episode(seed) for seed in (2, 3, 4, 5)]
    assert any(other[0] != first[0] for other in others)
    assert episode(1) == first
    if not TERMS[name].moves and name != "control delay":
        assert first[1] != pristine
    randomizer.restore()
    assert model_bytes(scene.model) == pristine


def test_everything_at_once_leaves_a_kitchen_at_rest(scene: Scene) -> None:
    randomizer, data = Randomizer(scene, TERMS), mujoco.MjData(scene.model)
    for seed in range(5):
        samples = randomizer.reset(data, DEFAULT_START, np.random.default_rng(seed))
        assert list(samples) == list(TERMS)
        mujoco.mj_step(scene.model, data, nstep=100)
        state = read_state(scene, data)
        for instance, (_, place) in enumerate(DEFAULT_START.objects):
            assert rules.on(state, instance, place)
            assert layout.place_at(state.objects[instance].position, state.drawers) == place
    randomizer.restore()


@pytest.mark.parametrize("kind", ["uniform", "log-uniform", "integer"])
def test_draws_stay_in_their_range_and_fill_it(kind: str) -> None:
    distribution = Distribution(kind, 1.0, 4.0)  # type: ignore[arg-type]
    draws = distribution.draw(np.random.default_rng(0), 2000)
    assert draws.min() >= 1.0
    assert draws.max() <= 4.0
    assert draws.min() < 1.1
    assert draws.max() > 3.9
