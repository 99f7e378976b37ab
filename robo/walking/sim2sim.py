"""The sim-to-sim gate before a robot: the same weights in PyBullet and other MuJoCo settings.

First the contract between policy and robot is checked link by link (`envs.humanoid.pybullet`); then
the walker walks in every simulator under the same commands. It passes if every link holds and if in
PyBullet enough robots stay upright, nominal as well as randomised and pushed ones, and velocities
match MuJoCo's.

The folder: results.jsonl (a line per part, kept), summary.json, sim2sim.mp4.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray

from envs.humanoid.batch import ACTION_LIMIT, WalkBatch
from envs.humanoid.randomization import TERMS, fixed_terms
from envs.rendering import RenderingUnavailableError
from policies.walker.transformer import TransformerStudent
from robo.errors import UserError, user_errors
from robo.results import provenance, write_json
from robo.rollouts.folder import SUMMARY, Result, RunFolder
from robo.statistics import Rate
from robo.walking.actor import WalkActor, Walker, load_walker
from robo.walking.evaluation.episodes import ALWAYS, Effort, Tally, Tick, moments
from robo.walking.evaluation.hardships import RANDOM_PUSH, push_every
from robo.walking.evaluation.run import weights_hash
from robo.walking.evaluation.tracking import TARGETS, summarise, vectors
from robo.walking.film import WalkFilm

COMMANDS: Final = TARGETS
"""Commanded axes and values, each in as many episodes."""

SURVIVAL: Final = 0.95
"""Share that must stay upright in PyBullet, of nominal and of randomised robots."""
TRACKING: Final = 0.1
"""Largest allowed difference of a mean velocity from MuJoCo's (m/s, rad/s)."""

CONTRACT: Final = "contract"
REFERENCE: Final = "MuJoCo as trained"
SECOND: Final = "PyBullet"
RANDOMISED: Final = "MuJoCo, all randomised"
SECOND_RANDOMISED: Final = "PyBullet, all randomised"
VIDEO: Final = "sim2sim.mp4"

_FILM_SECONDS: Final = 6.0
_FILM_COMMANDS: Final = ((2.0, (0.5, 0.0, 0.0)), (4.0, (0.0, 0.4, 0.0)), (6.0, (0.0, 0.0, 0.8)))

_ONNX: Final = ("onnx", "onnxruntime")
"""Packages that the exported form needs."""

_ACTIONS: Final = "observation → action"
"""Name of the contract's second link."""

Actions = NDArray[np.float32]


@dataclass(frozen=True)
class Simulator:
    """One way to simulate the same physics.

    Attributes:
        name: Display name.
        physics_hz: Rate of MuJoCo's steps, or of the model that PyBullet is built from; None: as in
            training.
        solver: MuJoCo's constraint solver, "Newton" or "CG".
        iterations: Largest number of solver iterations; None: as in training.
        elliptic: Whether friction cones are elliptic, not pyramidal.
        second: Whether it is PyBullet.
        randomised: Whether every term of randomisation is drawn, with pushes of `RANDOM_PUSH`.
    """

    name: str
    physics_hz: float | None = None
    solver: str = "Newton"
    iterations: int | None = None
    elliptic: bool = False
    second: bool = False
    randomised: bool = False


SIMULATORS: Final = (
    Simulator(REFERENCE),
    Simulator(SECOND, second=True),
    Simulator(RANDOMISED, randomised=True),
    Simulator(SECOND_RANDOMISED, second=True, randomised=True),
    Simulator("MuJoCo at 200 Hz", 200.0),
    Simulator("MuJoCo at 500 Hz", 500.0),
    Simulator("MuJoCo at 1000 Hz", 1000.0),
    Simulator("500 Hz, CG solver", 500.0, solver="CG", iterations=100),
    Simulator("500 Hz, 5 iterations", 500.0, iterations=5),
    Simulator("500 Hz, elliptic cones", 500.0, elliptic=True),
)


def run_gate(
    policy: str,
    out: Path,
    effort: Effort,
    *,
    video: bool = True,
    on_begin: Callable[[int, int], None] | None = None,
    tick: Tick | None = None,
) -> dict[str, Any]:
    """Run the gate, skipping what is in the folder already.

    Args:
        policy: See `load_walker`.
        out: Output folder.
        effort: Seconds of the episodes, and how many per command.
        video: Whether to film both simulators side by side.
        on_begin: Called with the seconds to simulate in total and those already done.
        tick: Called after every simulated second.

    Returns:
        Content of summary.json; "passed" and "verdict" are the gate's. A link's difference that is
        not finite is null there, and inf here.

    Raises:
        UserError: PyBullet is missing, no such policy, the folder holds results of other settings,
            or writing failed.
    """
    check_pybullet()
    walker = load_walker(policy)
    torch.set_num_threads(1)
    settings = {
        "policy": str(walker.folder),
        "weights": weights_hash(walker),
        "seconds": effort.seconds,
        "episodes": effort.copies,
        "seed": effort.seed,
    }
    folder = RunFolder(out, settings)
    try:
        results = folder.results()
        seconds = round(effort.seconds)
        if on_begin is not None:
            done = sum(simulator.name in results for simulator in SIMULATORS)
            on_begin(seconds * len(SIMULATORS), seconds * done)
        if CONTRACT not in results:
            results[CONTRACT] = {"key": CONTRACT, **_contract(walker, effort)}
            folder.add(results[CONTRACT])
        for simulator in SIMULATORS:
            if simulator.name not in results:
                results[simulator.name] = _walk(simulator, walker, effort, tick or _nothing)
                folder.add(results[simulator.name])
        summary = {
            **_origin(settings, effort, walker),
            **judge(results),
            "links": results[CONTRACT]["links"],
            "simulators": [_brief(results[s.name], results[_reference(s)]) for s in SIMULATORS],
            "video": _film(walker, effort, out / VIDEO) if video else None,
        }
        write_json(out / SUMMARY, summary)
        return summary | {"links": [_with_number(link) for link in summary["links"]]}
    finally:
        folder.release()


def check_pybullet() -> None:
    """Check that the second simulator is installed.

    Raises:
        UserError: It is not installed.
    """
    if find_spec("pybullet") is None:
        raise UserError("the second simulator is not installed: pip install 'robo[pybullet]'")


def judge(results: Mapping[str, Result]) -> dict[str, Any]:
    """Whether the gate is passed, and why not in one sentence.

    Args:
        results: Those of `CONTRACT`, `REFERENCE`, `SECOND` and `SECOND_RANDOMISED` by their names.
    """
    contract = results[CONTRACT]
    broken = [link["name"] for link in contract["links"] if not link["holds"]]
    second = results[SECOND]
    rate, (name, apart) = _survival(second["rows"]), _apart(second, results[REFERENCE])
    hard = _survival(results[SECOND_RANDOMISED]["rows"])
    why = None
    if broken:
        why = f"the contract is broken at: {', '.join(broken)}"
    elif rate.value < SURVIVAL:
        why = (
            f"in PyBullet {rate.successes} of {rate.trials} robots stay upright, which is less "
            f"than {SURVIVAL:.0%}"
        )
    elif hard.value < SURVIVAL:
        why = (
            f"in PyBullet {hard.successes} of {hard.trials} randomised and pushed robots stay "
            f"upright, which is less than {SURVIVAL:.0%}"
        )
    elif apart is None:
        why = f"told {name}, no robot walks for long enough to compare the simulators"
    elif apart > TRACKING:
        why = f"told {name}, PyBullet's velocity differs from MuJoCo's by {apart:.2f}, allowed is "
        why += f"{TRACKING:g}"
    passed = why is None
    # A single form was compared with nothing.
    checked = len(contract["links"]) - (len(contract.get("forms", ())) == 1)
    unchecked = f" ({contract['unchecked']})" if contract.get("unchecked") else ""
    verdict = (
        f"passed: {checked} links of the contract were checked and hold{unchecked}, in PyBullet "
        f"{rate} stay upright, randomised and pushed {hard}, and tracking stays within "
        f"{apart:.2f} of MuJoCo's"
        if passed
        else f"not passed: {why}"
    )
    return {"passed": passed, "verdict": verdict}


def forms(walker: Walker) -> dict[str, Callable[[Actions], Actions]]:
    """The weights in every form in which they are used, for the contract's second link.

    Each maps observations over time (t, p) to actions (t, m): all time steps at once, step by step,
    and exported where onnx is installed. Empty for a teacher, which no robot runs.
    """
    if walker.is_teacher:
        return {}
    network = walker.network

    def at_once(observations: Actions) -> Actions:
        seen = torch.from_numpy(observations)[:, None]
        with torch.inference_mode():
            return np.asarray(network(seen)[:, 0].numpy())

    def step_by_step(observations: Actions) -> Actions:
        actor = WalkActor(walker)
        return np.concatenate([actor.act({walker.groups[0]: row[None]}) for row in observations])

    def exported(observations: Actions) -> Actions:
        from robo.walking.export import export_walker
        from robo.walking.runner import Runner

        with TemporaryDirectory() as folder:
            export_walker(network, walker.robot, Path(folder))
            runner = Runner(Path(folder))
            return np.stack([runner.infer(row) for row in observations])

    found: dict[str, Callable[[Actions], Actions]] = {"torch": at_once}
    if isinstance(network, TransformerStudent):
        found["torch, step by step"] = step_by_step
    if not _missing():
        found["ONNX"] = exported
    return {name: _cut_off(form) for name, form in found.items()}


def unchecked(walker: Walker) -> str | None:
    """Which part of the contract's second link is not checked, and why; None if all is."""
    if walker.is_teacher:
        return f"{_ACTIONS} was not checked: no robot runs a teacher"
    if missing := _missing():
        return f"ONNX was not checked: {', '.join(missing)} missing, install the extra onnx"
    return None


def _missing() -> list[str]:
    return [name for name in _ONNX if find_spec(name) is None]


def _cut_off(form: Callable[[Actions], Actions]) -> Callable[[Actions], Actions]:
    """Clip actions as the environment and the runner do."""
    return lambda observations: np.clip(form(observations), -ACTION_LIMIT, ACTION_LIMIT)


def _contract(walker: Walker, effort: Effort) -> dict[str, Any]:
    from envs.humanoid.pybullet.contract import check_contract

    began, compared, note = time.perf_counter(), forms(walker), unchecked(walker)
    with user_errors(ValueError, ModuleNotFoundError):
        links = check_contract(
            walker.robot, actors=compared, physics_hz=walker.physics_hz, seed=effort.seed
        )
    told = [asdict(link) | {"holds": bool(link.holds)} for link in links]
    for link in told:
        # JSON has neither infinity nor NaN.
        finite = math.isfinite(link["difference"])
        link["difference"] = float(link["difference"]) if finite else None
        if link["name"] == _ACTIONS and note is not None:
            where = link["where"] if len(compared) > 1 else f"{next(iter(compared))} alone"
            link["where"] = f"{where}; {note}"
    return {
        "links": told,
        "forms": list(compared),
        "unchecked": note,
        "wall_seconds": round(time.perf_counter() - began, 2),
    }


def _with_number(link: Mapping[str, Any]) -> dict[str, Any]:
    return {**link, "difference": math.inf if link["difference"] is None else link["difference"]}


def _walk(simulator: Simulator, walker: Walker, effort: Effort, tick: Tick) -> Result:
    began = time.perf_counter()
    asked = list(COMMANDS)
    with _batch(simulator, walker, effort.copies * len(asked), effort) as batch:
        batch.hold_commands(np.repeat(vectors(asked), effort.copies, axis=0))
        tally = Tally(batch.copies)
        for moment in moments(batch, WalkActor(walker, batch.copies), effort.seconds, tick):
            tally.add(moment)
        mass = float(batch.models[0].body_mass.sum())
    return {
        "key": simulator.name,
        "rows": summarise(asked, effort.copies, tally, mass),
        "wall_seconds": round(time.perf_counter() - began, 2),
    }


def _batch(simulator: Simulator, walker: Walker, copies: int, effort: Effort) -> WalkBatch:
    """Robots on flat ground, the same starts, noise, bodies and pushes in every simulator."""
    settings: dict[str, Any] = {
        "physics_hz": simulator.physics_hz or walker.physics_hz,
        "seconds": 1e6,
        "auto_reset": False,
        "push_every": push_every(effort.seconds),
    }
    names: tuple[str, ...] = tuple(TERMS) if simulator.randomised else ALWAYS
    pushes = RANDOM_PUSH if simulator.randomised else None
    with user_errors(ValueError, ModuleNotFoundError):
        if simulator.second:
            from envs.humanoid.pybullet.walker import PyBulletWalker

            return PyBulletWalker(
                walker.robot,
                effort.seed,
                copies=copies,
                pushes=pushes,
                randomization=names,
                **settings,
            )
        names, terms = fixed_terms(names, pushes=pushes)
        batch = WalkBatch(
            walker.robot,
            copies,
            effort.seed,
            randomization=names,
            terms=terms,
            threads=effort.threads,
            **settings,
        )
    for model in batch.models:
        model.opt.solver = getattr(mujoco.mjtSolver, f"mjSOL_{simulator.solver.upper()}")
        if simulator.iterations is not None:
            model.opt.iterations = simulator.iterations
        if simulator.elliptic:
            model.opt.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    return batch


def _reference(simulator: Simulator) -> str:
    """Name of the simulator with whose velocities this one's are compared."""
    return RANDOMISED if simulator.randomised else REFERENCE


def _survival(rows: Sequence[Mapping[str, Any]]) -> Rate:
    survived = [row["survived"] for row in rows]
    return Rate(sum(s["successes"] for s in survived), sum(s["trials"] for s in survived))


def _apart(result: Mapping[str, Any], reference: Mapping[str, Any]) -> tuple[str, float | None]:
    """The command under which velocities differ most from the reference's, and by how much.

    None if they cannot be compared under some command.
    """
    worst: tuple[str, float | None] = ("", 0.0)
    for row, usual in zip(result["rows"], reference["rows"], strict=True):
        name = f"{row['axis']} {row['command']:g}"
        if row["achieved"] is None or usual["achieved"] is None:
            return name, None
        apart = abs(row["achieved"] - usual["achieved"])
        if worst[1] is None or apart > worst[1]:
            worst = (name, round(apart, 4))
    return worst


def _brief(result: Mapping[str, Any], reference: Mapping[str, Any]) -> dict[str, Any]:
    """A simulator's row of the table."""
    name, apart = _apart(result, reference)
    return {
        "simulator": result["key"],
        "survived": _survival(result["rows"]).as_dict(),
        "achieved": {f"{r['axis']} {r['command']:g}": r["achieved"] for r in result["rows"]},
        "apart": apart,
        "apart_most_at": name,
        "unstable": sum(row["unstable"] for row in result["rows"]),
        "wall_seconds": result["wall_seconds"],
    }


def _origin(settings: Mapping[str, Any], effort: Effort, walker: Walker) -> dict[str, Any]:
    made = provenance(settings, effort.seed)
    return {
        **made,
        "versions": made["versions"] | {"pybullet": version("pybullet")},
        "robot": walker.robot.name,
        "physics_hz": walker.physics_hz,
        "limits": {"survival": SURVIVAL, "tracking": TRACKING},
    }


def _film(walker: Walker, effort: Effort, path: Path) -> str | None:
    """Film both simulators side by side; None where nothing can be rendered."""
    if path.is_file():
        return path.name
    pair = SIMULATORS[:2]
    with (
        _batch(pair[0], walker, 1, effort) as one,
        _batch(pair[1], walker, 1, effort) as two,
    ):
        try:
            film = WalkFilm(path, [one, two], [simulator.name for simulator in pair])
        except RenderingUnavailableError:
            return None
        walks = [moments(batch, WalkActor(walker), _FILM_SECONDS) for batch in (one, two)]
        with film:
            for number, both in enumerate(zip(*walks, strict=True), start=1):
                command = next(c for end, c in _FILM_COMMANDS if both[0].time <= end)
                for batch in (one, two):
                    batch.hold_commands(np.array(command))
                if number % film.every == 0:
                    film.shoot([_line(command, moment.upright[0]) for moment in both])
                if not any(moment.upright[0] for moment in both):
                    film.hold(1.0)
                    break
    return path.name


def _line(command: Sequence[float], upright: bool) -> str:
    told = "told vx {:g} vy {:g} yaw {:g}".format(*command)
    return told if upright else f"{told}: FELL"


def _nothing() -> None:
    """No progress bar to advance."""
