"""Runs an exported walker on a robot; needs numpy and onnxruntime, but nothing of this project.

`robo export walk` puts a copy of this file beside `walker.onnx` and `contract.json`. Once per
control period, pass in the sensor readings and send out the result:

    runner = Runner(Path("walker"))
    runner.reset()
    while True:
        target = runner.step(signals, command=(0.5, 0.0, 0.0), now=time.monotonic())
        motors.send(target.position, target.stiffness, target.damping)

The motors' loop is torque = stiffness (position - q) - damping dq, clipped to `contract["effort"]`.

Safety: a robot that has fallen is damped until `reset`. When signals are missing, late, from the
future, misshapen, not finite or impossible, the last safe target is repeated; if that lasts too
long, or there is no safe target yet, the robot is damped. Commands are clipped to the range of the
training. Network output is sent only if it is finite. Damaged files are refused at the start; in
the loop no input raises.
"""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

CONTRACT_VERSION: Final = 3
"""Contract version that this file understands."""

OBSERVATION_VERSION: Final = 2
"""Observation version that this file builds."""

CONTRACT: Final = "contract.json"

_FASTEST_TURN: Final = 50.0
_FASTEST_JOINT: Final = 100.0
_BEYOND_STOPS: Final = 0.3
"""Readings above these (rad/s, rad/s, rad outside a joint's range) mean a broken sensor."""

_JOINTS: Final = 0
_TERMS: Final = {
    "gyro": 3,
    "gravity": 3,
    "command": 3,
    "joint position": _JOINTS,
    "joint velocity": _JOINTS,
    "last action": _JOINTS,
    "clock": 2,
}
"""Observation terms in order, with their sizes; `_JOINTS` means the number of joints."""

_ENDS: Final = ("input", "output")

_POSITIVE: Final = (
    "rate_hz", "gait_hz", "action_limit", "oldest_signals", "longest_hold",
    "stiffness", "damping", "effort", "action_scale", "clip",
)  # fmt: skip
"""Entries of the contract that must be positive."""


class RunnerError(ValueError):
    """The files cannot be used; the message says what to do."""


@dataclass(frozen=True)
class Signals:
    """Sensor readings of one time step, joints in the contract's order.

    Attributes:
        gyro: Angular velocity, base frame (rad/s), (3,).
        gravity: Unit vector downwards, base frame, (3,).
        joint_position: rad, (m,).
        joint_velocity: rad/s, (m,).
        time: Time of measurement, on the clock of `now` (s).
    """

    gyro: NDArray[Any]
    gravity: NDArray[Any]
    joint_position: NDArray[Any]
    joint_velocity: NDArray[Any]
    time: float


@dataclass(frozen=True)
class Target:
    """PD targets of the motors for the next control period.

    Attributes:
        position: rad, (m,).
        stiffness: Nm/rad, (m,); zeros when damping.
        damping: Nms/rad, (m,).
        mode: "walk", "hold" (the last safe target again) or "damp".
        reason: Why it does not walk.
    """

    position: Floats
    stiffness: Floats
    damping: Floats
    mode: Literal["walk", "hold", "damp"]
    reason: str = ""


@dataclass
class Counts:
    """Control periods by mode, missed deadlines, and reasons, since the last reset."""

    walk: int = 0
    hold: int = 0
    damp: int = 0
    missed: int = 0
    reasons: dict[str, int] = field(default_factory=dict)


class Runner:
    """An exported walker.

    Attributes:
        contract: Its contract; see `robo.walking.export`.
        counts: Counts since the last reset.
    """

    def __init__(self, folder: Path) -> None:
        """Load the network on one core.

        Args:
            folder: Holds `contract.json` and the network that it names.

        Raises:
            RunnerError: Files are missing, damaged, of another version or of another export.
        """
        self.contract = contract = load_contract(folder)
        self._session = _session(folder / contract["network"]["file"], contract)
        self._default = np.array(contract["default_pose"], np.float32)
        self._scale = np.array(contract["action_scale"], np.float32)
        self._stiffness = np.array(contract["stiffness"], np.float32)
        self._damping = np.array(contract["damping"], np.float32)
        self._low, self._high = np.array(contract["joint_range"], np.float32).T
        self._slowest, self._fastest = np.array(contract["command_range"], np.float64).T
        self._scales = {
            term["name"]: np.array(term["scale"], np.float32)
            for term in contract["observation"]["terms"]
        }
        self.reset()

    def reset(self, phase: float = 0.0) -> None:
        """Start over, the robot standing: clear the memory, end damping.

        Args:
            phase: Phase of the gait clock, 0 to 1.
        """
        self._memory = {
            item["input"]: np.zeros(item["shape"], np.float32)
            for item in self.contract["network"]["memory"]
        }
        self._action = np.zeros(len(self._default), np.float32)
        self._phase = phase % 1.0
        self._safe: Floats | None = None
        self._held = 0
        self._damped = ""
        self.counts = Counts()

    def step(
        self, signals: Signals | None, command: Sequence[float], now: float | None = None
    ) -> Target:
        """Run one control period; unusable signals and commands raise nothing.

        Args:
            signals: The newest; None if none came.
            command: vx, vy (m/s), yaw rate (rad/s), in the robot's level frame; clipped to
                `contract["command_range"]`.
            now: Time on the clock of `signals.time` (s); `time.monotonic()` by default.
        """
        began = time.monotonic()
        target = self._decide(signals, command, began if now is None else now)
        self._phase = (self._phase + self.contract["gait_hz"] / self.contract["rate_hz"]) % 1.0
        setattr(self.counts, target.mode, getattr(self.counts, target.mode) + 1)
        if target.reason:
            reasons = self.counts.reasons
            reasons[target.reason] = reasons.get(target.reason, 0) + 1
        if time.monotonic() - began > 1.0 / self.contract["rate_hz"]:
            self.counts.missed += 1
        return target

    def observation(self, signals: Signals, command: Sequence[float] | NDArray[Any]) -> Floats:
        """The network's input (p,): the contract's terms in order, scaled.

        The command is clipped to its range.
        """
        told = np.clip(command, self._slowest, self._fastest)
        angle = 2.0 * np.pi * self._phase
        stands = np.linalg.norm(told) < self.contract["standing_below"]
        size = self.contract["standing_clock"] if stands else 1.0
        values = {
            "gyro": signals.gyro,
            "gravity": signals.gravity,
            "command": told,
            "joint position": signals.joint_position - self._default,
            "joint velocity": signals.joint_velocity,
            "last action": self._action,
            "clock": np.array((np.sin(angle), np.cos(angle))) * size,
        }
        limit = self.contract["observation"]["clip"]
        parts = [values[name] * scale for name, scale in self._scales.items()]
        observation: Floats = np.clip(np.concatenate(parts), -limit, limit).astype(np.float32)
        return observation

    def infer(self, observation: Floats) -> Floats:
        """The network's action (m,) for an observation (p,); updates the memory."""
        network = self.contract["network"]
        names = [network["output"], *(item["output"] for item in network["memory"])]
        inputs = {network["input"]: observation[None], **self._memory}
        action, *memory = self._session.run(names, inputs)
        if not np.isfinite(action).all():
            return np.full(len(self._default), np.nan, np.float32)
        for item, value in zip(network["memory"], memory, strict=True):
            self._memory[item["input"]] = value
        limit = self.contract["action_limit"]
        clipped: Floats = np.clip(action[0], -limit, limit)
        return clipped

    def _decide(self, signals: Signals | None, command: Sequence[float], now: float) -> Target:
        if self._damped:
            return self._damp(self._damped)
        if signals is None:
            return self._hold("no signals")
        read, told = _read(signals), _numbers(command)
        problem = self._problem(read, told, _number(now))
        if problem:
            return self._hold(problem)
        if read.gravity[2] > self.contract["fallen_above"]:
            return self._damp("the robot has fallen")
        action = self.infer(self.observation(read, told))
        if not np.isfinite(action).all():
            return self._hold("the network's action is not finite")
        self._action = action
        self._held = 0
        self._safe = self._default + self._scale * action
        return self._target(self._safe, self._stiffness, "walk")

    def _problem(self, signals: Signals, command: NDArray[np.float64], now: float) -> str:
        """Why these inputs, read as numbers, cannot be used; empty if they can."""
        if command.shape != (3,):
            return f"command has shape {command.shape}, give vx, vy and yaw rate"
        joints = len(self._default)
        for name, size in (
            ("gyro", 3), ("gravity", 3), ("joint_position", joints), ("joint_velocity", joints)
        ):  # fmt: skip
            shape = getattr(signals, name).shape
            if shape != (size,):
                return f"{name} has shape {shape}, the contract says ({size},)"
        if not np.isfinite(command).all():
            return "the command is not finite"
        sensed = (signals.gyro, signals.gravity, signals.joint_position, signals.joint_velocity)
        if not all(np.isfinite(values).all() for values in sensed):
            return "signals are not finite"
        age = now - signals.time
        if not np.isfinite(age):
            return "signals have no time"
        if age > self.contract["oldest_signals"]:
            return "signals are late"
        # Stamped by another clock, they would look fresh for ever.
        if age < -self.contract["oldest_signals"]:
            return "signals are from the future"
        outside = np.maximum(
            self._low - signals.joint_position, signals.joint_position - self._high
        )
        if (
            abs(np.linalg.norm(signals.gravity) - 1.0) > 0.2
            or np.abs(signals.gyro).max() > _FASTEST_TURN
            or np.abs(signals.joint_velocity).max() > _FASTEST_JOINT
            or outside.max() > _BEYOND_STOPS
        ):
            return "signals are impossible"
        return ""

    def _hold(self, reason: str) -> Target:
        self._held += 1
        if self._safe is None:
            return self._damp(reason, latch=False)
        if self._held > self.contract["longest_hold"] * self.contract["rate_hz"]:
            return self._damp(f"{reason} for too long")
        return self._target(self._safe, self._stiffness, "hold", reason)

    def _damp(self, reason: str, latch: bool = True) -> Target:
        if latch:
            self._damped = reason
        position = self._default if self._safe is None else self._safe
        return self._target(position, np.zeros_like(position), "damp", reason)

    def _target(
        self, position: Floats, stiffness: Floats, mode: Literal["walk", "hold", "damp"],
        reason: str = "",
    ) -> Target:  # fmt: skip
        """A target of copies: a driver may modify what it gets."""
        return Target(position.copy(), stiffness.copy(), self._damping.copy(), mode, reason)


def load_contract(folder: Path) -> dict[str, Any]:
    """The contract in a folder, checked.

    Raises:
        RunnerError: It is missing, damaged, of another version or of another export.
    """
    path = folder / CONTRACT
    try:
        contract: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = contract["version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunnerError(f"{path} cannot be read ({error}); export the walker again") from None
    if version != CONTRACT_VERSION:
        raise RunnerError(
            f"{path} has version {version}, this runner understands {CONTRACT_VERSION}; use the"
            " runner.py that was exported with it"
        )
    try:
        _check_robot(contract)
        _check_observation(contract["observation"], len(contract["joints"]))
        _check_network(contract["network"])
    except KeyError as error:
        raise RunnerError(f"{path} has no {error}; export the walker again") from None
    except (ValueError, TypeError, AttributeError) as error:
        raise RunnerError(f"{path} is damaged: {error}; export the walker again") from None
    network = folder / contract["network"]["file"]
    try:
        digest = hashlib.sha256(network.read_bytes()).hexdigest()
    except OSError as error:
        raise RunnerError(f"{network} cannot be read ({error}); export the walker again") from None
    if digest != contract["network"]["sha256"]:
        raise RunnerError(f"{network} is not the one that {path} was written for; export again")
    return contract


def _check_robot(contract: dict[str, Any]) -> None:
    """Raise KeyError or ValueError if a quantity is missing or invalid."""
    names = contract["joints"]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError('"joints" is no list of names')
    joints = len(names)
    for name in ("rate_hz", "gait_hz", "action_limit", "standing_below", "standing_clock",
                 "fallen_above", "oldest_signals", "longest_hold"):  # fmt: skip
        _check_numbers(contract[name], (), name)
    for name in ("default_pose", "stiffness", "damping", "effort", "action_scale"):
        _check_numbers(contract[name], (joints,), name)
    for name, count in (("joint_range", joints), ("command_range", 3)):
        _check_numbers(contract[name], (count, 2), name)
        if any(low >= high for low, high in contract[name]):
            raise ValueError(f'"{name}" has a lower end above its upper end')


def _check_observation(observation: dict[str, Any], joints: int) -> None:
    """Raise KeyError or ValueError if it is not the one that `Runner.observation` builds."""
    if observation["version"] != OBSERVATION_VERSION:
        raise ValueError(
            f"its observation has version {observation['version']}, this runner builds version"
            f" {OBSERVATION_VERSION}"
        )
    sizes = {name: size or joints for name, size in _TERMS.items()}
    terms = [(term["name"], term["size"]) for term in observation["terms"]]
    if terms != list(sizes.items()) or observation["size"] != sum(sizes.values()):
        raise ValueError(f"its observation is not made of {', '.join(sizes)}, in this order")
    for term in observation["terms"]:
        _check_numbers(term["scale"], (term["size"],), f"scale of {term['name']}")
    _check_numbers(observation["clip"], (), "clip")


def _check_network(network: dict[str, Any]) -> None:
    """Raise KeyError or ValueError if inputs or outputs of the network are not described."""
    texts = {name: network[name] for name in ("file", "sha256", "input", "output")}
    for item in network["memory"]:
        texts |= {"memory's input": item["input"], "memory's output": item["output"]}
        if not isinstance(item["shape"], list):
            raise ValueError('"shape" of the memory is no list')
    for name, text in texts.items():
        if not isinstance(text, str):
            raise ValueError(f'"{name}" is no text')


def _check_numbers(value: Any, shape: tuple[int, ...], name: str) -> None:
    values = _numbers(value)
    if values.shape != shape or not np.isfinite(values).all():
        wanted = f"{' by '.join(map(str, shape))} numbers" if shape else "a number"
        raise ValueError(f'"{name}" is not {wanted}')
    if name in _POSITIVE and not (values > 0.0).all():
        raise ValueError(f'"{name}" is not positive')


def _read(signals: Signals) -> Signals:
    """The same as numeric arrays; NaN where not numeric."""
    return Signals(
        gyro=_numbers(getattr(signals, "gyro", None)),
        gravity=_numbers(getattr(signals, "gravity", None)),
        joint_position=_numbers(getattr(signals, "joint_position", None)),
        joint_velocity=_numbers(getattr(signals, "joint_velocity", None)),
        time=_number(getattr(signals, "time", None)),
    )


def _numbers(value: Any) -> NDArray[np.float64]:
    """An array of the same shape; all NaN if it is not numeric."""
    try:
        array = np.asarray(value)
        if array.dtype.kind in "iuf":
            return array.astype(np.float64)
        return np.full(array.shape, np.nan)
    except Exception:  # Whatever the input, the loop goes on.
        return np.array(np.nan)


def _number(value: Any) -> float:
    array = _numbers(value)
    return float(array) if array.shape == () else float("nan")


def _session(path: Path, contract: dict[str, Any]) -> Any:
    """Load the network, with the inputs and outputs of the contract."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's own errors have no common class.
        raise RunnerError(f"{path} cannot be loaded ({error}); export the walker again") from None
    network = contract["network"]
    memory = [(item[end], item["shape"]) for item in network["memory"] for end in _ENDS]
    wanted = dict(memory) | {
        network["input"]: [1, contract["observation"]["size"]],
        network["output"]: [1, len(contract["joints"])],
    }
    has = {end.name: end.shape for end in (*session.get_inputs(), *session.get_outputs())}
    if has != wanted:
        raise RunnerError(
            f"{path} has inputs and outputs {has}, its contract says {wanted}; export the walker"
            " again"
        )
    return session
