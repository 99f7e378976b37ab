from dataclasses import replace

import numpy as np
import pytest
import torch

from policies.checkpoint import load, save
from policies.errors import PolicyError
from policies.export import export
from policies.rt1.aims import aims, hand_changes
from policies.rt1.bins import of_bins
from policies.rt1.config import RT1Config
from policies.rt1.pointing import Pointing
from policies.rt1.rt1 import RT1

HEAD, WRIST, STATE = "observation.images.head", "observation.images.wrist", "observation.state"
INPUTS = {HEAD: (32, 32, 3), WRIST: (32, 32, 3), STATE: (3,)}
WORDS = 6
TINY = {
    "instruction_width": WORDS,
    "use_state": True,
    "encoder": "residual",
    "encoder_widths": (16, 16),
    "encoder_strides": (2,),
    "condition": 16,
    "image_tokens": 2,
    "width": 32,
    "layers": 2,
    "heads": 2,
    "head_width": 16,
    "bins": 16,
    "dropout": 0.0,
    "history": 3,
    "segment": 5,
    "action_low": (-1.0, -1.0, 0.0),
    "action_high": (1.0, 1.0, 2.0),
    "categorical": (2,),
}


def _policy(**changes):
    torch.manual_seed(0)
    policy = RT1(RT1Config.for_dataset(INPUTS, 3, **{**TINY, **changes}))
    # FiLM is the identity at first; here the instruction is to matter.
    for name, parameter in policy.named_parameters():
        if "scale_shift" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    return policy


def _batch(b=2, t=5, seed=0):
    g = torch.Generator().manual_seed(seed)
    batch = {
        HEAD: torch.randint(0, 256, (b, t, 32, 32, 3), generator=g).byte(),
        WRIST: torch.randint(0, 256, (b, t, 32, 32, 3), generator=g).byte(),
        STATE: torch.randn(b, t, 3, generator=g),
        "action": torch.rand(b, t, 3, generator=g) * 2 - 1,
        "instruction": torch.randn(b, 4, WORDS, generator=g),
        "instruction_is_pad": torch.zeros(b, 4, dtype=torch.bool),
    }
    batch["action"][..., 2] = torch.randint(0, 3, (b, t), generator=g)
    for key in (*INPUTS, "action"):
        batch[key + "_is_pad"] = torch.zeros(b, t, dtype=torch.bool)
    return batch


def _part(batch, rows, frames):
    whole = ("instruction", "instruction_is_pad")
    return {k: v[rows] if k in whole else v[rows, frames] for k, v in batch.items()}


def _observation(batch, row, frame):
    return {
        **{key: batch[key][row, frame].numpy() for key in INPUTS},
        "instruction": batch["instruction"][row].numpy(),
    }


def test_eyes_may_learn_slower_than_the_rest():
    policy = _policy(eyes_rate=0.1)
    rest, eyes = policy.optimizer_groups(1e-3)
    assert (rest["lr"], eyes["lr"]) == (1e-3, pytest.approx(1e-4))
    assert len(rest["params"]) + len(eyes["params"]) == len(list(policy.parameters()))
    names = {id(parameter): name for name, parameter in policy.named_parameters()}
    parts = {names[id(parameter)].split(".")[0] for parameter in eyes["params"]}
    assert parts == {"encoder", "instruction", "camera"}
    assert len(_policy().optimizer_groups(1e-3)) == 1


@pytest.mark.parametrize("summary", [False, True])
@pytest.mark.parametrize("sees", ["own", "earlier"])
@torch.no_grad()
def test_a_segment_equals_the_naive_six_images_per_step(sees, summary):
    policy, batch = _policy(frames_see=sees, summary=summary).eval(), _batch()
    outputs = policy.outputs(batch)
    for now in range(5):
        window = slice(max(0, now - 2), now + 1)
        naive = policy.outputs(_part(batch, slice(0, 2), window))
        assert torch.allclose(outputs[:, now], naive[:, -1], atol=1e-4)


@pytest.mark.parametrize("summary", [False, True])
@pytest.mark.parametrize("sees", ["own", "earlier"])
@pytest.mark.parametrize("history", [1, 3])
def test_acting_equals_training_and_encodes_each_image_once(sees, history, summary, monkeypatch):
    policy = _policy(frames_see=sees, history=history, summary=summary).eval()
    batch = _batch()
    with torch.no_grad():
        expected = policy.decode(policy.outputs(batch))[0].numpy()
    assert expected.shape == (5, 1, 3)
    counted = []
    encode = policy.encoder.forward
    monkeypatch.setattr(
        policy.encoder, "forward", lambda x, c: counted.append(len(x)) or encode(x, c)
    )
    for _episode in range(2):
        policy.reset()
        for now in range(5):
            action = policy.act(_observation(batch, 0, now))
            assert action.shape == (1, 3)
            assert action.dtype == np.float32
            assert np.allclose(action[0], expected[now], atol=1e-4)
    assert counted == [2] * 10


def test_a_chunk_is_all_that_is_done_until_the_next_image():
    policy = _policy(chunk=2).eval()
    windows = policy.windows()
    assert windows[HEAD] == windows[STATE] == range(-4, 6, 2)
    assert windows["action"] == range(-4, 6)
    assert _policy(chunk=5, executed=2).windows() == {**windows, "action": range(-4, 9)}

    batch = _chunked(_batch())
    with torch.no_grad():
        expected = policy.decode(policy.outputs(batch))[0].numpy()
    assert expected.shape == (5, 2, 3)
    for now in range(5):
        chunk = policy.act(_observation(batch, 0, now))
        assert chunk.shape == (2, 3)
        assert np.allclose(chunk, expected[now], atol=1e-4)


def test_actions_of_a_chunk_are_learnt_in_their_order():
    policy, batch = _policy(chunk=2), _chunked(_batch())
    batch["action"][:, 0::2, 0], batch["action"][:, 1::2, 0] = -1, 1
    optimizer = torch.optim.Adam(policy.parameters(), 3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        policy.loss(batch)[0].backward()
        optimizer.step()
    first, second = policy.eval().act(_observation(batch, 0, 0))[:, 0]
    assert first < -0.8
    assert second > 0.8


def test_what_is_predicted_beyond_what_is_done_is_learnt_too():
    policy, batch = _policy(chunk=3, executed=2), _chunked(_batch())
    for key in ("action", "action_is_pad"):
        batch[key] = torch.cat([batch[key], batch[key][:, -1:]], 1)
    assert policy.act(_observation(batch, 0, 0)).shape == (2, 3)
    with torch.no_grad():
        assert policy.outputs(batch).shape == (2, 5, 3, 3, 16)
        logits = policy.outputs(batch).log_softmax(-1)
    tokens = policy.tokenizer().encode(batch["action"])
    naive = [
        -logits[row, frame, ahead, number, tokens[row, 2 * frame + ahead, number]]
        for row in range(2)
        for frame in range(5)
        for ahead in range(3)
        for number in range(3)
    ]
    assert torch.allclose(policy.loss(batch)[0], torch.stack(naive).mean(), atol=1e-5)


def test_pointing_says_where_its_map_is_hot():
    torch.manual_seed(0)
    points = Pointing(8)
    logits = torch.full((2, 12, 8), -9.0)
    logits[0, 3, 6] = 9.0
    logits[1, 0, 0], logits[1, 11, 7] = 9.0, 9.0
    points.heat = lambda _: logits
    one, two = points(torch.zeros(2, 8, 3, 2))
    torch.testing.assert_close(
        one, torch.tensor([5 / 7, 6 / 11 - 1, 0.0, 9 / 4]), atol=2e-3, rtol=0
    )
    torch.testing.assert_close(two, torch.tensor([0, 0, 2**0.5, 9 / 4]), atol=2e-3, rtol=0)


@torch.no_grad()
def test_where_the_named_thing_is_told_to_the_state():
    policy = _policy(pointing=True).eval()
    batch = _batch()
    before = policy.outputs(batch)
    policy.points.map.say[2].bias += torch.arange(16)
    assert not torch.allclose(policy.outputs(batch), before)
    np.testing.assert_allclose(
        policy.act(_observation(batch, 0, 0))[0],
        policy.decode(policy.outputs(_part(batch, slice(1), slice(1))))[0, 0, 0],
        atol=1e-4,
    )


def test_unused_numbers_of_the_state_are_not_seen():
    policy, batch = _policy(unused=(0, 2)).eval(), _batch()
    first = policy.act(_observation(batch, 0, 0))
    policy.reset()
    batch[STATE][0, 0, [0, 2]] += 5
    assert np.array_equal(policy.act(_observation(batch, 0, 0)), first)
    policy.reset()
    batch[STATE][0, 0, 1] += 5
    assert not np.array_equal(policy.act(_observation(batch, 0, 0)), first)


def test_a_chunk_may_begin_before_the_episode_and_is_not_learnt_then():
    policy, batch = _policy(chunk=2).eval(), _chunked(_batch())
    for key in INPUTS:
        batch[key + "_is_pad"][:, :1] = True
    batch["action_is_pad"][:, :1] = True  # The first frame's second action is the episode's first.
    changed = {**batch, "action": batch["action"].clone()}
    changed["action"][:, 1] = 1 - changed["action"][:, 1]
    assert torch.equal(policy.loss(batch)[0], policy.loss(changed)[0])
    changed["action"][:, 2] = 1 - changed["action"][:, 2]
    assert not torch.equal(policy.loss(batch)[0], policy.loss(changed)[0])


def _chunked(batch):
    """The same segments with two actions of each frame."""
    action = torch.stack([batch["action"], batch["action"].roll(1, 0)], 2).flatten(1, 2)
    return {
        **batch,
        "action": action,
        "action_is_pad": batch["action_is_pad"].repeat_interleave(2, 1),
    }


def test_the_state_token_knows_the_words():
    policy, batch = _policy().eval(), _batch()
    for name, parameter in policy.named_parameters():
        if "scale_shift" in name:
            torch.nn.init.zeros_(parameter)
    condition = policy.condition(batch["instruction"], None, 2)
    frames = {key: batch[key][:, 0] for key in INPUTS}
    tokens, _ = policy.frame_tokens(frames, condition)
    other, _ = policy.frame_tokens(frames, condition.flip(0))
    assert torch.equal(tokens[:, :-1], other[:, :-1])
    assert not torch.allclose(tokens[:, -1], other[:, -1])


def test_another_instruction_begins_anew():
    policy, batch = _policy().eval(), _batch()
    policy.act(_observation(batch, 1, 0))
    late = policy.act(_observation(batch, 0, 1))
    policy.reset()
    assert np.array_equal(policy.act(_observation(batch, 0, 1)), late)


def test_padding_has_no_part_in_the_loss():
    policy, batch = _policy(), _batch()
    for key in (*INPUTS, "action"):
        batch[key + "_is_pad"][:, :2] = True
    policy.eval()
    loss, _ = policy.loss(batch)
    changed = {key: value.clone() for key, value in batch.items()}
    changed["action"][:, :2] = 99
    changed[HEAD][:, :2] = 0
    changed[STATE][:, :2] = 7
    again, parts = policy.loss(changed)
    assert torch.allclose(loss, again, atol=1e-5)
    assert parts["clipped"] == 0
    short, _ = policy.loss(_part(batch, slice(0, 2), slice(2, 5)))
    assert torch.allclose(loss, 3 / 5 * short, atol=1e-4)


def test_real_actions_weigh_the_same_in_every_batch():
    policy, batch = _policy().eval(), _batch()
    batch["action_is_pad"][0, 1:] = True
    batch[HEAD + "_is_pad"][0, 2:] = True
    whole, _ = policy.loss(batch)
    halves = [policy.loss(_part(batch, slice(n, n + 1), slice(0, 5)))[0] for n in (0, 1)]
    assert torch.allclose(sum(halves) / 2, whole, atol=1e-5)
    assert not torch.allclose(halves[0], halves[1], atol=0.1)


def test_nothing_but_padding_is_no_loss():
    policy, batch = _policy(), _batch()
    batch["action_is_pad"][:] = True
    loss, _ = policy.loss(batch)
    loss.backward()
    assert loss == 0
    assert all(torch.isfinite(p.grad).all() for p in policy.parameters() if p.grad is not None)


def test_actions_out_of_bounds_are_counted():
    policy, batch = _policy().eval(), _batch()
    batch["action"][0, 0] = torch.tensor([5.0, 0.0, 1.0])
    _, parts = policy.loss(batch)
    assert parts["clipped"] == pytest.approx(1 / (2 * 5 * 3))
    assert 0 <= parts["accuracy"] <= 1


def test_gradients_reach_everything():
    policy = _policy()
    policy.loss(_batch())[0].backward()
    assert [name for name, p in policy.named_parameters() if not p.grad.abs().sum() > 0] == []


def _embedded(*words):
    """Token features of "<word> the top drawer": only the first differs."""
    vectors = {
        word: np.random.default_rng(number).normal(size=WORDS).astype(np.float32)
        for number, word in enumerate(("open", "close", "the", "top", "drawer"))
    }
    return [np.stack([vectors[w] for w in (word, "the", "top", "drawer")]) for word in words]


def test_open_and_close_the_drawer_become_different_actions():
    torch.manual_seed(0)
    policy = RT1(RT1Config.for_dataset(INPUTS, 3, **TINY))
    phrases = _embedded("open", "close")
    batch = _batch()
    for key in INPUTS:
        batch[key][1] = batch[key][0]
    batch["instruction"] = torch.from_numpy(np.stack(phrases))
    batch["action"][0], batch["action"][1] = (
        torch.tensor([0.6, -0.2, 0]),
        torch.tensor([-0.6, -0.2, 2]),
    )
    optimizer = torch.optim.Adam(policy.optimizer_groups(3e-3))
    for _ in range(40):
        loss, _ = policy.loss(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    policy.eval()
    for row, wanted in enumerate(([0.6, -0.2, 0], [-0.6, -0.2, 2])):
        action = policy.act({**_observation(batch, row, 0), "instruction": phrases[row]})
        assert np.allclose(action[0], wanted, atol=0.07)


def test_without_language_an_instruction_is_neither_needed_nor_seen():
    policy, batch = _policy(instruction_width=0).eval(), _batch()
    del batch["instruction"], batch["instruction_is_pad"]
    policy.loss(batch)
    observation = _observation(_batch(), 0, 0)
    first = policy.act(observation)
    policy.reset()
    observation["instruction"] = observation["instruction"] * -3
    assert np.array_equal(policy.act(observation), first)
    assert not any("instruction" in name for name, _ in policy.named_parameters())


def test_continuous_actions_learn_numbers():
    policy, batch = _policy(actions="continuous"), _batch(b=1)
    batch["action"][:] = torch.tensor([0.313, -0.777, 1.0])
    optimizer = torch.optim.Adam(policy.parameters(), 3e-3)
    for _ in range(60):
        loss, parts = policy.loss(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert parts["error"] < 0.1
    action = policy.eval().act(_observation(batch, 0, 0))[0]
    assert np.allclose(action[:2], [0.313, -0.777], atol=0.1)
    assert action[2] == 1


def test_the_mean_over_bins_is_another_decoding():
    batch = _batch()
    likeliest = _policy().eval().act(_observation(batch, 0, 0))
    mean = _policy(decoding="expectation").eval().act(_observation(batch, 0, 0))
    assert not np.allclose(likeliest[0, :2], mean[0, :2])
    assert likeliest[0, 2] == mean[0, 2]
    assert (np.abs(mean[0, :2]) < 1).all()


def test_the_mean_over_bins_can_be_learnt_too():
    policy, batch = _policy().eval(), _batch()
    plain, parts = policy.loss(batch)
    assert "error" not in parts
    policy.config = replace(policy.config, mean_weight=2.0)
    loss, parts = policy.loss(batch)
    with torch.no_grad():
        means = policy.tokenizer().expectation(policy.outputs(batch))[:, :, 0]
    miss = (means - batch["action"]) / policy.normalizer.buffer("action", "std")
    square = miss[..., :2].square().sum() / batch["action"].numel()
    assert torch.allclose(loss, plain + 2 * square, atol=1e-4)
    assert torch.allclose(parts["error"], square.sqrt(), atol=1e-4)


def test_what_is_asked_of_bins_is_cross_entropy_and_mean():
    torch.manual_seed(0)
    ours = (3 * torch.randn(2500, 16)).requires_grad_()
    naive = ours.detach().clone().requires_grad_()
    wanted, weights = torch.randint(0, 16, (2500,)), torch.rand(2, 2500)
    bins = of_bins(ours, wanted)
    entropy = torch.nn.functional.cross_entropy(naive, wanted, reduction="none")
    place = naive.softmax(-1) @ torch.linspace(0, 1, 16)
    torch.testing.assert_close(bins.entropy, entropy)
    torch.testing.assert_close(bins.place, place)
    assert torch.equal(bins.right, naive.argmax(-1) == wanted)
    (bins.entropy * weights[0] + bins.place.square() * weights[1]).sum().backward()
    (entropy * weights[0] + place.square() * weights[1]).sum().backward()
    torch.testing.assert_close(ours.grad, naive.grad)


def test_where_a_chunk_leads_to_can_be_learnt_from_what_was_really_done():
    """Mending a disturbance is in every action; where it leads to is without."""
    policy = _policy(chunk=3, executed=1, path=(0, 1), path_weight=2.0, path_of="sent").eval()
    batch = _batch(t=7)
    for key in INPUTS:
        batch[key], batch[key + "_is_pad"] = batch[key][:, :5], batch[key + "_is_pad"][:, :5]
    assert policy.windows()["sent"] == policy.windows()["action"]
    batch["sent"] = batch["action"] + 0.1
    _, parts = policy.loss(batch)
    with torch.no_grad():
        places = policy.outputs(batch).softmax(-1) @ torch.linspace(0, 1, 16)
        tokenizer = policy.tokenizer()
        means = tokenizer.low + places * (tokenizer.high - tokenizer.low)
    deviation = policy.normalizer.buffer("action", "std")
    total = 0.0
    for frame in range(means.shape[1]):
        for step in range(3):
            led = means[:, frame, : step + 1].sum(1)
            wanted = batch["sent"][:, frame : frame + step + 1].sum(1)
            miss = (led - wanted) / (deviation * (step + 1) ** 0.5)
            total += miss[:, :2].square().sum()
    assert torch.allclose(parts["path"], (total / means.numel()).sqrt(), atol=1e-4)


def test_an_image_learns_where_the_hand_will_change():
    done = torch.tensor([[[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 1.0], [1.0, 1.0], [9.0, 1.0]]])
    real = torch.tensor([[True] * 5 + [False]])
    sudden = hand_changes(done[..., 1], torch.tensor(1.0))
    assert sudden.tolist() == [[False, False, False, True, False, False]]
    led = aims(done, real, [0], sudden, range(0, 6, 1), 80)[0, :, 0]
    # To the change, from there to the end of the episode, whose padding adds nothing.
    assert led.tolist() == [3.0, 2.0, 1.0, 2.0, 1.0, 0.0]
    assert aims(done, real, [0], sudden, range(0, 6, 1), 2)[0, :, 0].tolist()[:3] == [2, 2, 1]


def test_where_the_hand_will_change_is_learnt_by_the_images():
    policy = _policy(
        chunk=3, executed=1, path=(0, 1), path_of="sent", aim_weight=1.0, aim_steps=5, summary=True
    )
    windows = policy.windows()
    assert windows["sent"] == range(windows["action"][0], windows["observation.state"][-1] + 5)
    batch = _batch(t=7)
    for key in INPUTS:
        batch[key], batch[key + "_is_pad"] = batch[key][:, :5], batch[key + "_is_pad"][:, :5]
    batch["sent"] = torch.rand(len(batch["action"]), 9, 3)
    loss, parts = policy.loss(batch)
    assert parts["aim"] > 0
    loss.backward()
    assert policy.aim[0].weight.grad.abs().sum() > 0
    assert next(policy.encoder.parameters()).grad.abs().sum() > 0
    without = _policy(chunk=3, executed=1, path=(0, 1), path_of="sent", summary=True)
    assert not hasattr(without, "aim")


def test_aims_are_told_to_what_decides(tmp_path):
    aiming = {"path": (0, 1), "path_of": "sent", "aim_weight": 1.0, "summary": True}
    save(_policy(**aiming).eval(), tmp_path / "plain", {})
    export(tmp_path / "plain", tmp_path / "told", {"aim_told": True})
    plain, told = load(tmp_path / "plain"), load(tmp_path / "told")
    batch = _batch()
    with torch.no_grad():
        # Nothing changes at first.
        assert torch.allclose(told.outputs(batch), plain.outputs(batch), atol=0.02)
        told.aimed.say[2].weight.normal_()
        before = told.outputs(batch)
        told.aim[2].bias.add_(0.1)
        assert not torch.allclose(told.outputs(batch), before, atol=0.02)
    told.outputs(batch).sum().backward()
    assert told.aim[0].weight.grad is None  # where it is learns from where it was alone
    with pytest.raises(PolicyError, match="aim_told"):
        _policy(aim_told=True)


@pytest.mark.parametrize(
    ("values", "saying"),
    [
        ({"medians": (0,)}, "medians needs decoding"),
        ({"medians": (0,), "decoding": "expectation", "actions": "continuous"}, "medians needs"),
        ({"medians": (2,), "decoding": "expectation"}, "not categorical"),
        ({"medians": (3,), "decoding": "expectation"}, "medians must name"),
        ({"words_dropout": 1.5}, "words_dropout"),
    ],
)
def test_what_would_do_nothing_is_refused(values, saying):
    with pytest.raises(PolicyError, match=saying):
        _policy(**values)


def test_a_part_that_only_training_uses_can_be_added_and_taken_away(tmp_path):
    path = {"path": (0, 1), "path_of": "sent", "summary": True}
    policy = _policy(**path).eval()
    save(policy, tmp_path / "plain", {})
    export(tmp_path / "plain", tmp_path / "aiming", {"aim_weight": 1.0, "aim_steps": 5})
    aiming = load(tmp_path / "aiming")
    assert aiming.aim[0].weight.shape == (32, 32)
    export(tmp_path / "aiming", tmp_path / "again", {"aim_weight": 0.0})
    again = load(tmp_path / "again")
    assert not hasattr(again, "aim")
    for name, weights in policy.state_dict().items():
        assert torch.allclose(again.state_dict()[name], weights, atol=1e-3), name
    with pytest.raises(PolicyError, match="do not fit"):
        export(tmp_path / "plain", tmp_path / "other", {"width": 64})


def test_a_slow_end_comes_when_it_is_likely_enough():
    policy = _policy(chunk=4, ends=(2, 1), ends_at=0.3).eval()
    logits = torch.zeros(4, 3, 16)
    chances = torch.tensor([0.1, 0.1, 0.2, 0.1])  # by the third it is 0.35
    logits[:, 2] = -30.0
    logits[:, 2, 0], logits[:, 2, 1] = (1 - chances).log(), chances.log()
    actions = policy._ended(policy.decode(logits), logits)
    assert actions[:, 2].tolist() == [0, 0, 1, 1]
    never = _policy(chunk=4).eval()
    assert never._ended(never.decode(logits), logits)[:, 2].tolist() == [0, 0, 0, 0]


def test_shifts_move_a_segment_as_one_and_only_in_training():
    policy, batch = _policy(shift=3), _batch()
    before = batch[HEAD].clone()
    torch.manual_seed(4)
    shifted = policy.outputs(batch)
    assert torch.equal(batch[HEAD], before)
    policy.eval()
    assert not torch.allclose(policy.outputs(batch), shifted)
    assert torch.equal(policy.outputs(batch), policy.outputs(batch))


def test_bounds_come_from_the_data_unless_given():
    policy = _policy(action_low=(), action_high=())
    numbers = {"mean": [0, 0, 1], "std": [1, 1, 1], "min": [-2, 0, 0], "max": [2, 0, 2]}
    state = {"mean": [0] * 3, "std": [1] * 3, "min": [-1] * 3, "max": [1] * 3}
    policy.normalizer.set_stats({"action": numbers, STATE: state})
    assert policy.tokenizer().high.tolist() == [2, 0, 2]
    assert _policy().tokenizer().high.tolist() == [1, 1, 2]
    action = policy.eval().act(_observation(_batch(), 0, 0))[0]
    assert action[1] == 0


def test_a_training_sample_is_centred():
    windows = _policy().windows()
    assert windows == dict.fromkeys((*INPUTS, "action"), range(-2, 3))


@pytest.mark.parametrize(
    ("inputs", "changes", "words"),
    [
        ({STATE: (3,)}, {}, "at least one camera"),
        ({HEAD: (32, 32, 3), WRIST: (40, 32, 3)}, {}, "image_size"),
        ({HEAD: (16, 16, 3)}, {}, "32 x 32"),
        (INPUTS, {"history": 0}, "history"),
        (INPUTS, {"chunk": 3, "executed": 4}, "1 to the chunk, 3"),
        (INPUTS, {"unused": (3,)}, "unused"),
        (INPUTS, {"ends": (1, 2)}, "ends must be a categorical"),
        (INPUTS, {"unused": (0, 1, 2)}, "unused"),
        (INPUTS, {"encoder_widths": (16, 20)}, "multiples of 16"),
        (INPUTS, {"categorical": (3,)}, "0 to 2"),
        (INPUTS, {"action_low": (0.0,)}, "3 numbers each"),
        (INPUTS, {"encoder": "vit"}, "encoder must be"),
        (INPUTS, {"heads": 0}, "heads is 0; it must be 1 or more"),
        (INPUTS, {"bins": 0}, "bins is 0; it must be 2 or more"),
        (INPUTS, {"width": -4}, "width is -4"),
        (INPUTS, {"dropout": 5.0}, "dropout is 5.0; it must be 0 or more and below 1"),
        (INPUTS, {"mean_weight": float("nan")}, "mean_weight is nan"),
        (INPUTS, {"encoder_strides": (0,)}, r"encoder_strides is \(0,\)"),
        (INPUTS, {"shift": 40}, "shift is 40; it must be 0 or more and below 32"),
    ],
)
def test_what_cannot_be_built_is_refused(inputs, changes, words):
    with pytest.raises(PolicyError, match=words):
        RT1Config.for_dataset(inputs, 3, **{**TINY, **changes})


def test_the_paper_has_no_state():
    config = RT1Config.for_dataset(INPUTS, 3, preset="full")
    assert set(config.inputs) == {HEAD, WRIST}
    assert config.inputs[HEAD] == (300, 300, 3)
