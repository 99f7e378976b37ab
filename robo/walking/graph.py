"""The walker's networks as ONNX graphs, for one robot and one time step.

Built node by node: the graph then has the contract's shapes and names, independently of torch's
exporters, and takes milliseconds to make. `robo.walking.export` compares it with torch.
"""

import math
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from policies.walker.mlp import MLPActor
from policies.walker.next_token import NextTokenWalker
from policies.walker.parts import RunningNormalizer
from policies.walker.transformer import CausalTrunk, TransformerStudent

OBSERVATION: Final = "observation"
ACTION: Final = "action"

_OPSET: Final = 20
"""The first with Gelu."""


def mlp_graph(network: MLPActor) -> onnx.ModelProto:
    """`observation` [1, p] to `action` [1, m]."""
    graph = _Graph()
    values = graph.normalized(OBSERVATION, network.normalizer)
    for layer in network.layers:
        values = (
            graph.linear(values, layer) if isinstance(layer, nn.Linear) else graph("Elu", values)
        )
    graph.name(graph.linear(values, network.head.linear), ACTION)
    config = network.config
    return graph.model(
        {OBSERVATION: (1, config.observation_size)}, {ACTION: (1, config.action_size)}
    )


def transformer_graph(network: TransformerStudent) -> onnx.ModelProto:
    """One step with a memory; two tokens for a `NextTokenWalker`, otherwise one.

    `observation` [1, p], `tokens` [2 · layers, h - 1, d] and `age` [1] to `action` [1, m],
    `tokens_after` and `age_after`; the memory is a `Memory` without the dimension of robots.
    """
    graph, config = _Graph(), network.config
    trunk = config.trunk
    sensed = graph.normalized(OBSERVATION, network.normalizer)
    past, age = [graph.row("tokens", row) for row in range(2 * trunk.layers)], "age"
    if isinstance(network, NextTokenWalker):
        places = np.arange(config.action_size) + network.config.last_action
        done = graph("Gather", OBSERVATION, graph.constant(places), axis=1)
        token = graph.linear(done, network.embed_action)
        _, past, age = _advanced(graph, network.trunk, token, past, age)
        others = np.ones(config.observation_size, np.float32)
        others[places] = 0.0
        sensed = graph("Mul", sensed, graph.constant(others))
    token = graph.linear(sensed, network.embed)
    token, past, age = _advanced(graph, network.trunk, token, past, age)
    features = graph.normed(token, network.trunk.norm)
    graph.name(graph.linear(features, network.head.linear), ACTION)
    shape = (2 * trunk.layers, trunk.history - 1, trunk.width)
    stacked = graph("Concat", *past, axis=0)
    graph.name(graph("Reshape", stacked, graph.constant(np.array(shape))), "tokens_after")
    graph.name(age, "age_after")
    return graph.model(
        {OBSERVATION: (1, config.observation_size), "tokens": shape, "age": (1,)},
        {ACTION: (1, config.action_size), "tokens_after": shape, "age_after": (1,)},
    )


def _advanced(
    graph: "_Graph", trunk: CausalTrunk, token: str, past: list[str], age: str
) -> tuple[str, list[str], str]:
    """`CausalTrunk.forward` for one token [1, d], without its norm; `past` is [h - 1, d] each."""
    history = trunk.config.history
    slots = np.arange(history - 1, -1, -1, dtype=np.float32)
    too_old = graph("Greater", graph.constant(slots), age)
    kept = []
    for number, block in enumerate(trunk.blocks):
        before = past[2 * number : 2 * number + 2]
        token, keys, values = _block(graph, block, token, before, too_old, trunk.config.width)
        kept += [graph.cut(keys, 1, history), graph.cut(values, 1, history)]
    older = graph("Add", age, graph.constant(np.ones(1, np.float32)))
    return token, kept, graph("Min", older, graph.constant(np.array([history - 1], np.float32)))


def _block(
    graph: "_Graph", block: Any, tokens: str, past: list[str], too_old: str, width: int
) -> tuple[str, str, str]:
    """`_Block.forward` for one token [1, d]; keys and values are [h, d]."""
    heads, history = block.heads, block.history
    projected = graph.linear(graph.normed(tokens, block.attention_norm), block.project)
    queries, keys, values = graph.split(projected, 3, axis=1)
    keys, values = (
        graph("Concat", old, new, axis=0) for old, new in zip(past, (keys, values), strict=True)
    )

    def per_head(rows: str, count: int, order: tuple[int, ...]) -> str:
        shape = graph.constant(np.array([count, heads, width // heads]))
        return graph("Transpose", graph("Reshape", rows, shape), perm=order)

    scale = graph.constant(np.array(math.sqrt(width // heads), np.float32))
    asked = graph("Div", per_head(queries, 1, (1, 0, 2)), scale)
    scores = graph("MatMul", asked, per_head(keys, history, (1, 2, 0)))
    # A key's place in the window is its lag, counted from the end.
    bias = _array(block.lag_bias)[:, None, ::-1]
    scores = graph("Add", scores, graph.constant(np.ascontiguousarray(bias)))
    hidden = graph.constant(np.array(-np.inf, np.float32))
    weights = graph("Softmax", graph("Where", too_old, hidden, scores), axis=-1)
    mixed = graph("MatMul", weights, per_head(values, history, (1, 0, 2)))
    joined = graph("Reshape", mixed, graph.constant(np.array([1, width])))
    tokens = graph("Add", tokens, graph.linear(joined, block.output))
    wide = graph.linear(graph.normed(tokens, block.feed_forward_norm), block.expand)
    gated = graph("Gelu", wide, approximate="tanh")
    return graph("Add", tokens, graph.linear(gated, block.contract)), keys, values


class _Graph:
    """A sequence of nodes; a call appends one and returns its output's name."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def __call__(self, kind: str, *inputs: str, **attributes: Any) -> str:
        output = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, values: np.ndarray) -> str:
        name = f"constant_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def name(self, value: str, name: str) -> None:
        """Name an output of the graph."""
        self.nodes.append(helper.make_node("Identity", [value], [name]))

    def split(self, value: str, parts: int, axis: int) -> list[str]:
        outputs = [f"split_{len(self.nodes)}_{part}" for part in range(parts)]
        self.nodes.append(helper.make_node("Split", [value], outputs, axis=axis, num_outputs=parts))
        return outputs

    def row(self, value: str, index: int) -> str:
        """`value[index]`."""
        return self("Gather", value, self.constant(np.array(index)), axis=0)

    def cut(self, value: str, start: int, end: int) -> str:
        """`value[start:end]`."""
        return self("Slice", value, *(self.constant(np.array([n])) for n in (start, end)))

    def linear(self, value: str, layer: nn.Linear) -> str:
        weight, bias = (self.constant(_array(p)) for p in (layer.weight, layer.bias))
        return self("Gemm", value, weight, bias, transB=1)

    def normed(self, value: str, norm: nn.LayerNorm) -> str:
        weight, bias = (self.constant(_array(p)) for p in (norm.weight, norm.bias))
        return self("LayerNormalization", value, weight, bias, axis=-1, epsilon=norm.eps)

    def normalized(self, value: str, normalizer: RunningNormalizer) -> str:
        mean = self.constant(_array(normalizer.mean))
        deviation = self.constant(_array(normalizer.deviation()))
        bounds = [
            self.constant(np.array(b, np.float32)) for b in (-normalizer.bound, normalizer.bound)
        ]
        return self("Clip", self("Div", self("Sub", value, mean), deviation), *bounds)

    def model(
        self, inputs: dict[str, tuple[int, ...]], outputs: dict[str, tuple[int, ...]]
    ) -> onnx.ModelProto:
        """The checked model."""
        given, made = (
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in end.items()]
            for end in (inputs, outputs)
        )
        graph = helper.make_graph(self.nodes, "walker", given, made, initializer=self.weights)
        # Version 9 of the format came with opset 20; older runtimes refuse newer ones.
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=9
        )
        onnx.checker.check_model(model)
        return model


def _array(values: Tensor) -> np.ndarray:
    return values.detach().cpu().numpy()
