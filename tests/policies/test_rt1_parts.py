from collections import deque

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from policies.rt1.action_tokenizer import ActionTokenizer
from policies.rt1.config import RT1Config
from policies.rt1.efficientnet import ConvNorm, EfficientNetB3
from policies.rt1.film import FiLM
from policies.rt1.instruction import InstructionPooling
from policies.rt1.residual_encoder import ResidualEncoder
from policies.rt1.rt1 import RT1
from policies.rt1.token_learner import TokenLearner
from policies.rt1.transformer import Transformer
from policies.vision.weights_file import WeightsFileError


def _parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_full_has_the_papers_size_part_by_part():
    with torch.device("meta"):
        config = RT1Config.for_dataset(
            {"observation.images.head": (480, 640, 3), "observation.state": (31,)},
            11,
            preset="full",
            instruction_width=576,
        )
        policy = RT1(config)
    millions = {name: _parameters(part) / 1e6 for name, part in policy.named_children()}
    # torchvision's efficientnet_b3 has 12,233,232, of which its classifier has 1536 x 1000 + 1000.
    assert _parameters(policy.encoder.features) == 12_233_232 - 1_537_000
    # One FiLM for each of the 26 blocks, whose channels add up to 3608.
    assert _parameters(policy.encoder.films) == 3608 * 2 * (512 + 1)
    # Paper: 16M. With the projection from 1536 to 512; the paper does not say what it counts.
    image = millions["encoder"] + millions["project"] + millions["token_learner"]
    assert image == pytest.approx(16, rel=0.06)
    # Paper: 19M. Eight layers: attention 4 x 512 x 1024, one matrix 512 x 512 and biases.
    assert millions["transformer"] + millions["head"] == pytest.approx(19, rel=0.03)
    # Not in the paper's, whose sentence embedding comes finished.
    assert millions["instruction"] == pytest.approx(0.56, abs=0.01)
    assert _parameters(policy) / 1e6 == pytest.approx(35, rel=0.02)
    assert policy.place.shape == (81, 512)
    assert policy.transformer.slot.shape == (8, 512)


def test_small_is_seven_times_smaller():
    config = RT1Config.for_dataset(
        {"observation.images.head": (96, 96, 3), "observation.state": (31,)},
        11,
        preset="small",
        instruction_width=576,
    )
    assert _parameters(RT1(config)) / 1e6 == pytest.approx(5.05, rel=0.01)


@pytest.fixture(scope="module")
def efficientnet():
    torch.manual_seed(0)
    return EfficientNetB3(8).eval()


@pytest.mark.parametrize("size", [(64, 64), (75, 108)])
def test_efficientnet_halves_rounding_down(efficientnet, size):
    with torch.inference_mode():
        features = efficientnet(torch.randn(1, 3, *size), torch.zeros(1, 8))
    assert features.shape[2:] == efficientnet.grid(*size) == (size[0] // 32, size[1] // 32)
    assert efficientnet.grid(300, 300) == (9, 9)


def test_imagenet_weights_fit_by_name(efficientnet, tmp_path):
    names = dict(efficientnet.features.state_dict())
    assert names["0.0.weight"].shape == (40, 3, 3, 3)
    assert names["1.0.block.1.fc1.weight"].shape == (10, 40, 1, 1)
    assert names["2.0.block.0.0.weight"].shape == (144, 24, 1, 1)
    assert names["8.1.running_mean"].shape == (1536,)
    file = tmp_path / "b3.safetensors"
    tensors = {f"features.{name}": torch.full_like(t, 2) for name, t in names.items()}
    save_file({**tensors, "classifier.1.bias": torch.zeros(1000)}, file)
    fresh = EfficientNetB3(8)
    fresh.load(file)
    assert (fresh.features[8][0].weight == 2).all()
    save_file({"features.0.0.weight": names["0.0.weight"]}, file)
    with pytest.raises(WeightsFileError, match="efficientnet_b3"):
        fresh.load(file)


def test_an_instruction_changes_nothing_at_first_and_then_everything(efficientnet):
    images = torch.randn(1, 3, 32, 32)
    small = ResidualEncoder(8, (16, 32), (2,)).eval()
    for encoder in (efficientnet, small):
        with torch.no_grad():
            plain = encoder(images, torch.zeros(1, 8))
            assert torch.equal(encoder(images, torch.randn(1, 8)), plain)
        films = [module for module in encoder.modules() if isinstance(module, FiLM)]
        encoder(images, torch.randn(1, 8)).square().sum().backward()
        assert all(film.scale_shift.weight.grad.abs().sum() > 0 for film in films)
        encoder.zero_grad()


@pytest.mark.parametrize("size", [(96, 96), (90, 70)])
def test_the_residual_encoders_grid(size):
    encoder = ResidualEncoder(8, (16, 16, 32), (2, 1))
    features = encoder(torch.randn(1, 3, *size), torch.zeros(1, 8))
    assert features.shape[2:] == encoder.grid(*size)


def test_learnt_tokens_are_means_over_places():
    learner = TokenLearner(6, 4)
    grid = torch.randn(2, 9, 6)
    tokens = learner(grid)
    assert tokens.shape == (2, 4, 6)
    assert (tokens <= grid.amax(1, keepdim=True)).all()
    shuffled = learner(grid[:, torch.randperm(9)])
    assert torch.allclose(tokens, shuffled, atol=1e-6)


def test_padding_of_an_instruction_is_not_seen():
    pooling = InstructionPooling(5, 16).eval()
    words = torch.randn(1, 3, 5)
    padded = torch.cat([words, torch.randn(1, 2, 5) * 100], 1)
    is_pad = torch.tensor([[False, False, False, True, True]])
    assert torch.allclose(pooling(words), pooling(padded, is_pad), atol=1e-6)


def test_words_are_hidden_in_training_alone_and_never_all_of_them():
    torch.manual_seed(0)
    pooling = InstructionPooling(5, 16, dropout=0.5)
    words = torch.randn(400, 2, 5)
    is_pad = torch.zeros(400, 2, dtype=torch.bool)
    is_pad[:200, 1] = True
    hidden = pooling._hidden(words, is_pad)
    assert not hidden[:200, 0].any(), "the only word stays"
    assert hidden[:200, 1].all(), "padding stays hidden"
    # Of two words each is hidden alone in a quarter of the cases, both in none.
    assert hidden[200:].float().mean().item() == pytest.approx(0.25, abs=0.05)
    assert not hidden[200:].all(1).any()
    assert not torch.allclose(pooling(words), pooling(words))
    pooling.eval()
    assert torch.equal(pooling(words), pooling(words))


TOKENIZER = ActionTokenizer(
    torch.tensor([-0.1, 0.0, 0.0, 3.0]),
    torch.tensor([0.1, 1.0, 2.0, 3.0]),
    torch.tensor([False, False, True, False]),
    256,
)


@settings(deadline=None, max_examples=50)
@given(st.floats(-0.1, 0.1), st.floats(0, 1), st.integers(0, 2))
def test_actions_come_back_within_half_a_bin(x, y, mode):
    action = torch.tensor([x, y, mode, 3.0])
    tokens = TOKENIZER.encode(action)
    back = TOKENIZER.decode(tokens)
    assert (back - action).abs().max() <= 0.5 / 255 + 1e-6
    assert tokens[2] == mode == back[2]
    assert back[3] == 3
    assert torch.equal(TOKENIZER.encode(back), tokens)


def test_bounds_are_reached_and_kept():
    wide = torch.tensor([[-5.0, -5, -1, 2], [5, 5, 9, 4]])
    tokens = TOKENIZER.encode(wide)
    assert tokens.tolist() == [[0, 0, 0, 0], [255, 255, 2, 0]]
    assert torch.equal(TOKENIZER.decode(tokens), torch.stack([TOKENIZER.low, TOKENIZER.high]))
    assert TOKENIZER.decode(torch.full((4,), 255))[2] == 2
    assert TOKENIZER.outside(wide).all()
    assert not TOKENIZER.outside(TOKENIZER.high).any()


def test_the_expectation_lies_between_bins():
    logits = torch.full((4, 256), -50.0)
    logits[:, 1] = 0.0
    logits[:, 2] = 0.1
    logits[:2, 2] = 0.0
    mean = TOKENIZER.expectation(logits)
    assert mean[1] == pytest.approx(1.5 / 255, abs=1e-6)
    assert mean[2] == 2


def test_a_median_is_one_of_two_minds_where_the_mean_is_between():
    logits = torch.full((4, 256), -50.0)
    logits[:, 0], logits[:, 255] = 0.0, 0.4
    assert 0.5 < TOKENIZER.expectation(logits)[1] < 0.7
    opening = TOKENIZER.expectation(logits, (1,))
    assert opening[1] == 1
    logits[:, 0] = 0.5
    assert TOKENIZER.expectation(logits, (1,))[1] == 0
    assert TOKENIZER.expectation(logits, (1,))[2] == TOKENIZER.expectation(logits)[2]


def _transformer(sees, layers=3):
    torch.manual_seed(1)
    return Transformer(16, layers, 2, 8, 12, 3, 2, 4, 0.0, sees).eval()


@pytest.mark.parametrize("sees", ["own", "earlier"])
@torch.no_grad()
def test_a_segment_equals_its_windows_and_its_steps(sees):
    transformer = _transformer(sees)
    tokens = torch.randn(2, 7, 2, 16)
    present = torch.ones(2, 7, dtype=torch.bool)
    present[1, :2] = False
    answers = transformer(tokens, present)
    for row, first in ((0, 0), (1, 2)):
        kept = deque()
        for now in range(first, 7):
            window = slice(max(now - 2, first), now + 1)
            naive = transformer(tokens[row : row + 1, window], present[row : row + 1, window])
            assert torch.allclose(answers[row, now], naive[0, -1], atol=1e-5)
            step = transformer.step(tokens[row, now], kept)
            assert torch.allclose(answers[row, now], step, atol=1e-5)
            assert len(kept) <= 2


@pytest.mark.parametrize("sees", ["own", "earlier"])
def test_an_answer_depends_on_its_window_alone(sees):
    tokens = torch.randn(1, 6, 2, 16, requires_grad=True)
    present = torch.tensor([[False, True, True, True, True, True]])
    answers = _transformer(sees)(tokens, present)
    for now, seen in ((5, {3, 4, 5}), (2, {1, 2})):
        (gradient,) = torch.autograd.grad(answers[0, now, :, 0].sum(), tokens, retain_graph=True)
        moved = gradient[0].abs().sum((1, 2))
        assert {i for i in range(6) if moved[i] > 0} == seen


@torch.no_grad()
def test_the_order_of_frames_matters():
    transformer = _transformer("own")
    tokens, present = torch.randn(1, 3, 2, 16), torch.ones(1, 3, dtype=torch.bool)
    swapped = tokens[:, [1, 0, 2]]
    difference = transformer(tokens, present) - transformer(swapped, present)
    assert difference[0, 2].abs().max() > 1e-4


def test_action_tokens_do_not_see_one_another():
    transformer = _transformer("earlier")
    answers = transformer(torch.randn(1, 3, 2, 16), torch.ones(1, 3, dtype=torch.bool))
    (gradient,) = torch.autograd.grad(answers[0, 2, 1, 0], transformer.query)
    moved = gradient.abs().sum(1) > 0
    assert moved.tolist() == [False, True, False, False]


def test_folded_normalisation_equals_normalisation_and_follows_the_weights():
    torch.manual_seed(0)
    unit = ConvNorm(4, 6, 3, 2)
    unit(torch.randn(4, 4, 8, 8))
    unit.eval()
    images = torch.randn(1, 4, 8, 8)
    with torch.no_grad():
        for _ in range(2):
            assert torch.allclose(
                unit(images), torch.nn.Sequential.forward(unit, images), atol=1e-6
            )
            unit[0].weight.mul_(2)
            unit[1].running_mean.add_(1)
