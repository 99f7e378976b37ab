"""Building blocks of randomisation: distributions, copies' parameters, model fields, terms."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from envs.humanoid.robots import PAYLOAD, SOLES, RobotConfig

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Distribution:
    """What a term draws from.

    Attributes:
        kind: "uniform" or "log-uniform".
        low: lower end.
        high: upper end.
        nominal: value at a curriculum factor of zero.
        unit: of the ends; "" for factors.
    """

    kind: Literal["uniform", "log-uniform"]
    low: float
    high: float
    nominal: float
    unit: str = ""

    def values(self, share: Floats, factor: Floats) -> Floats:
        """Map numbers in [0, 1) to draws, interpolated from nominal (`factor` 0) to full (1)."""
        if self.kind == "log-uniform":
            power = np.log(self.low / self.nominal) + share * np.log(self.high / self.low)
            # Not `**`, whose last bit in NumPy would depend on how many copies share a factor.
            return np.asarray(self.nominal * np.exp(power * factor))
        full = self.low + share * (self.high - self.low)
        return np.asarray(self.nominal + (full - self.nominal) * factor)


@dataclass(frozen=True)
class Parts:
    """Model ids of the parts that terms change, m joints.

    Attributes:
        bodies: every body of the robot but the payload.
        links: the same without the base; their positions are the link lengths.
        torso: body.
        payload: body.
        soles: geoms.
        dofs: of the joints, [m].
    """

    bodies: NDArray[np.int64]
    links: NDArray[np.int64]
    torso: int
    payload: int
    soles: NDArray[np.int64]
    dofs: NDArray[np.int64]

    @classmethod
    def of(cls, model: Any, robot: RobotConfig) -> "Parts":
        """The parts of a robot's model."""
        payload = model.body(PAYLOAD).id
        bodies = np.array([body for body in range(1, model.nbody) if body != payload])
        names = [model.geom(geom).name for geom in range(model.ngeom)]
        soles = [i for i, name in enumerate(names) if name.startswith(SOLES)]
        return cls(
            bodies=bodies,
            links=bodies[bodies != model.body(robot.base).id],
            torso=model.body(robot.torso).id,
            payload=payload,
            soles=np.array(soles),
            dofs=np.array([model.joint(name).dofadr[0] for name in robot.joints]),
        )


@dataclass
class Parameters:
    """Physics parameters besides the model; also the teacher's privileged knowledge.

    n copies, m joints.

    Attributes:
        friction: of the soles [n].
        size: factor on the link lengths [n].
        payload: kg [n].
        payload_place: offset from its nominal place, torso frame (m) [n, 3].
        centre: shift of the torso's centre of mass (m) [n, 3].
        strength: factor on each motor [n, m].
        joint_offset: measured minus true angle of each joint (rad) [n, m].
        action_delay: s [n].
        observation_delay: s [n].
        noise: factor on the observation noise [n].
        push_speed: what a push adds to the base's horizontal velocity (m/s) [n].
        terrain_level: 0 to 1 [n].
        time_step: of the physics (s) [n].
        start_pose: initial joint angles relative to the default pose (rad) [n, m].
        start_velocity: of the base: linear (world frame, m/s), angular (base frame, rad/s) [n, 6].
    """

    friction: Floats
    size: Floats
    payload: Floats
    payload_place: Floats
    centre: Floats
    strength: Floats
    joint_offset: Floats
    action_delay: Floats
    observation_delay: Floats
    noise: Floats
    push_speed: Floats
    terrain_level: Floats
    time_step: Floats
    start_pose: Floats
    start_velocity: Floats

    @classmethod
    def nominal(
        cls, copies: int, joints: int, friction: float, time_step: float, level: float
    ) -> "Parameters":
        """Parameters without randomisation."""
        zeros = np.zeros
        return cls(
            friction=np.full(copies, friction),
            size=np.ones(copies),
            payload=zeros(copies),
            payload_place=zeros((copies, 3)),
            centre=zeros((copies, 3)),
            strength=np.ones((copies, joints)),
            joint_offset=zeros((copies, joints)),
            action_delay=zeros(copies),
            observation_delay=zeros(copies),
            noise=zeros(copies),
            push_speed=zeros(copies),
            terrain_level=np.full(copies, level),
            time_step=np.full(copies, time_step),
            start_pose=zeros((copies, joints)),
            start_velocity=zeros((copies, 6)),
        )


@dataclass
class Draw:
    """Input of a term: k copies begin an episode.

    Attributes:
        values: draws of the term's distribution, `values(width)` is [k, width].
        fields: model fields by name, [k, ...]; those that are read are written back to the models.
        parameters: of all copies; a term writes to `parameters.x[rows]`.
        rows: the k copies' indices.
        parts: of the model.
    """

    values: Callable[[int], Floats]
    fields: "Fields"
    parameters: Parameters
    rows: NDArray[np.int64]
    parts: Parts


class Nominal(dict[str, NDArray[Any]]):
    """Fields of a model, each copied on first access."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self._model = model

    def __missing__(self, name: str) -> NDArray[Any]:
        self[name] = np.array(getattr(self._model, name))
        return self[name]


class Fields:
    """Model fields of k copies, nominal until a term changes them."""

    def __init__(self, nominal: Nominal, copies: int) -> None:
        self._nominal, self._copies = nominal, copies
        self.read: dict[str, NDArray[Any]] = {}

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self.read:
            self.read[name] = np.repeat(self._nominal[name][None], self._copies, axis=0)
        return self.read[name]


@dataclass(frozen=True)
class Term:
    """One line of the table.

    Attributes:
        name: by which it is selected.
        what: what it changes, in words.
        distribution: what it draws from.
        apply: makes the changes and returns the draws, [k, any].
    """

    name: str
    what: str
    distribution: Distribution
    apply: Callable[[Draw], Floats]


__all__ = ["Distribution", "Draw", "Fields", "Nominal", "Parameters", "Parts", "Term"]
