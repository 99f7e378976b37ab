"""What randomisation is made of: distributions, a copy's parameters, model fields, terms."""

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
        nominal: what a curriculum factor of zero leaves of it.
        unit: of the ends; "" for factors.
    """

    kind: Literal["uniform", "log-uniform"]
    low: float
    high: float
    nominal: float
    unit: str = ""

    def values(self, share: Floats, factor: Floats) -> Floats:
        """Numbers in [0, 1) made draws, on the way from nominal that `factor` says."""
        if self.kind == "log-uniform":
            power = np.log(self.low / self.nominal) + share * np.log(self.high / self.low)
            # Not a power: NumPy's last bit of one would depend on how many copies share a factor.
            return np.asarray(self.nominal * np.exp(power * factor))
        full = self.low + share * (self.high - self.low)
        return np.asarray(self.nominal + (full - self.nominal) * factor)


@dataclass(frozen=True)
class Parts:
    """Where in the model the parts are that terms change, m joints.

    Attributes:
        bodies: every body of the robot but the payload.
        links: those but the base, whose places are the links' lengths.
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
    """What a copy's physics is, beside its model; also the teacher's privileged knowledge.

    n copies, m joints.

    Attributes:
        friction: of the soles [n].
        size: factor on the links' lengths [n].
        payload: kg [n].
        payload_place: from its nominal place, torso frame (m) [n, 3].
        centre: shift of the torso's centre of mass (m) [n, 3].
        strength: factor on each motor [n, m].
        joint_offset: true minus measured zero of each joint, so measured = true + offset (rad)
            [n, m].
        action_delay: s [n].
        observation_delay: s [n].
        noise: factor on the observations' noise [n].
        push_speed: what a push adds to the base's horizontal velocity (m/s) [n].
        terrain_level: 0 to 1 [n].
        time_step: of the physics (s) [n].
        start_pose: joints at the start, from the default pose (rad) [n, m].
        start_velocity: of the base at the start, world frame (m/s, rad/s) [n, 6].
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
        """Those of copies that nothing is randomised in."""
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
    """What a term gets: k copies begin an episode.

    Attributes:
        values: draws of the term's distribution, `values(width)` is [k, width].
        fields: model fields by name, [k, ...]; those that are read are written to the models.
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
    """Fields as they are in a model; each is copied when a term first asks for it."""

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
        name: by which it is chosen.
        what: what it changes, for people.
        distribution: what it draws from.
        apply: makes the changes and returns the draws, [k, any].
    """

    name: str
    what: str
    distribution: Distribution
    apply: Callable[[Draw], Floats]


__all__ = ["Distribution", "Draw", "Fields", "Nominal", "Parameters", "Parts", "Term"]
