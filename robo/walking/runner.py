"""Runs an exported walker on a robot; needs numpy and onnxruntime and nothing else of this project.

`robo export walk` puts a copy of this file beside `walker.onnx` and `contract.json`. Once per
control period, hand in what the sensors say and send out what comes back:

    runner = Runner(Path("walker"))
    runner.reset()
    while True:
        target = runner.step(signals, command=(0.5, 0.0, 0.0), now=time.monotonic())
        motors.send(target.position, target.stiffness, target.damping)

The motors' loop is torque = stiffness (position - q) - damping dq, cut off at `contract["effort"]`.

Safety, in this order. A robot that lies is damped until `reset`. A moment whose signals are late,
missing, not finite or impossible repeats the last safe target; too many in a row, or one before
there was a safe target, are damped too. What the network says is sent only if it is finite.
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

CONTRACT_VERSION: Final = 2
"""Of the contract that this file understands."""

CONTRACT: Final = "contract.json"

_FASTEST_TURN: Final = 50.0
_FASTEST_JOINT: Final = 100.0
_BEYOND_STOPS: Final = 0.3
"""Readings above these (rad/s, rad/s, rad outside a joint's range) are broken sensors."""


class RunnerError(ValueError):
    """The files or the caller's arrays do not fit; the message says what to do."""


@dataclass(frozen=True)
class Signals:
    """What the robot senses at one moment, joints in the contract's order.

    Attributes:
        gyro: Angular velocity, base frame (rad/s), (3,).
        gravity: Unit vector downwards, base frame, (3,).
        joint_position: rad, (m,).
        joint_velocity: rad/s, (m,).
        time: When this was measured, on the clock of `now` (s).
    """

    gyro: NDArray[Any]
    gravity: NDArray[Any]
    joint_position: NDArray[Any]
    joint_velocity: NDArray[Any]
    time: float


@dataclass(frozen=True)
class Target:
    """What the motors are to do for the next control period.

    Attributes:
        position: rad, (m,).
        stiffness: Nm/rad, (m,); zeros when damping.
        damping: Nms/rad, (m,).
        mode: "walk", "hold" (the last safe target again) or "damp".
        reason: Why, when it does not walk.
    """

    position: Floats
    stiffness: Floats
    damping: Floats
    mode: Literal["walk", "hold", "damp"]
    reason: str = ""


@dataclass
class Counts:
    """What has happened since the last reset: control periods by mode, and missed deadlines."""

    walk: int = 0
    hold: int = 0
    damp: int = 0
    missed: int = 0
    reasons: dict[str, int] = field(default_factory=dict)


class Runner:
    """An exported walker.

    Attributes:
        contract: What was exported with it; see `robo.walking.export`.
        counts: What has happened since the last reset.
    """

    def __init__(self, folder: Path) -> None:
        """Load the network on one core.

        Args:
            folder: Holds `contract.json` and the network that it names.

        Raises:
            RunnerError: Files are missing, damaged, of another version or of another export.
        """
        self.contract = load_contract(folder)
        self._session = _session(folder / self.contract["network"]["file"])
        contract = self.contract
        self._default = np.array(contract["default_pose"], np.float32)
        self._scale = np.array(contract["action_scale"], np.float32)
        self._stiffness = np.array(contract["stiffness"], np.float32)
        self._damping = np.array(contract["damping"], np.float32)
        self._low, self._high = np.array(contract["joint_range"], np.float32).T
        self._scales = {
            term["name"]: np.array(term["scale"], np.float32)
            for term in contract["observation"]["terms"]
        }
        self.reset()

    def reset(self, phase: float = 0.0) -> None:
        """Begin anew, the robot standing: forget the past, end damping.

        Args:
            phase: Of the gait's clock, 0 to 1.
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
        """One control period.

        Args:
            signals: The newest; None if none came.
            command: vx, vy (m/s), yaw rate (rad/s), in the robot's level frame.
            now: On the clock of `signals.time` (s); `time.monotonic()` when left out.

        Raises:
            RunnerError: An array has another shape than the contract says.
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

    def observation(self, signals: Signals, command: Sequence[float]) -> Floats:
        """What the network sees, (p,): the contract's terms in order, scaled."""
        told = np.asarray(command, np.float32)
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
        """The network's action (m,) for an observation (p,); its memory goes on."""
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
        problem = self._problem(signals, command, now)
        if problem or signals is None:
            return self._hold(problem)
        if signals.gravity[2] > self.contract["fallen_above"]:
            return self._damp("the robot has fallen")
        action = self.infer(self.observation(signals, command))
        if not np.isfinite(action).all():
            return self._hold("the network's action is not finite")
        self._action = action
        self._held = 0
        self._safe = self._default + self._scale * action
        return Target(self._safe, self._stiffness, self._damping, "walk")

    def _problem(self, signals: Signals | None, command: Sequence[float], now: float) -> str:
        """Why these signals cannot be used; empty if they can."""
        if np.shape(command) != (3,):
            raise RunnerError(f"command has shape {np.shape(command)}, give vx, vy and yaw rate")
        if signals is None:
            return "no signals"
        joints = len(self._default)
        for name, size in (
            ("gyro", 3), ("gravity", 3), ("joint_position", joints), ("joint_velocity", joints)
        ):  # fmt: skip
            shape = np.shape(getattr(signals, name))
            if shape != (size,):
                raise RunnerError(f"{name} has shape {shape}, the contract says ({size},)")
        if not np.isfinite(command).all():
            return "the command is not finite"
        sensed = (signals.gyro, signals.gravity, signals.joint_position, signals.joint_velocity)
        if not all(np.isfinite(values).all() for values in sensed):
            return "signals are not finite"
        # Written so that a time that is no number is late.
        if not now - signals.time <= self.contract["oldest_signals"]:
            return "signals are late"
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
        return Target(self._safe, self._stiffness, self._damping, "hold", reason)

    def _damp(self, reason: str, latch: bool = True) -> Target:
        if latch:
            self._damped = reason
        position = self._default if self._safe is None else self._safe
        return Target(position, np.zeros_like(position), self._damping, "damp", reason)


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
    network = folder / contract["network"]["file"]
    try:
        digest = hashlib.sha256(network.read_bytes()).hexdigest()
    except OSError as error:
        raise RunnerError(f"{network} cannot be read ({error}); export the walker again") from None
    if digest != contract["network"]["sha256"]:
        raise RunnerError(f"{network} is not the one that {path} was written for; export again")
    return contract


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors have no common class.
        raise RunnerError(f"{path} cannot be loaded ({error}); export the walker again") from None
