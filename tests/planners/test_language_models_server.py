"""Language models behind a server: exact where it can be, refused where it cannot."""

import socket

import numpy as np
import pytest

from planners.language_models import (
    InvalidRequestError,
    LanguageModel,
    PromptTooLongError,
    ServerError,
    load_language_model,
)
from planners.language_models import transport as transport_module
from planners.language_models.server import KEY_VARIABLE, ServerLanguageModel, connect
from tests.planners.language_model_servers import (
    BiasedServer,
    EchoServer,
    ForceServer,
    Handler,
    LoadingServer,
    LockedServer,
    ManyModelsServer,
    OneAtATimeServer,
    PlainServer,
    RedirectingServer,
    RefusingServer,
    SlowServer,
    WebServer,
    serve,
)
from tests.planners.tiny_language_models import tiny_model

LABELS = ["find a coke can", "find a sponge", "pick up the sponge", "done", "日本"]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_module, "_FIRST_PAUSE", 0.001)
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


@pytest.mark.parametrize(
    ("kind", "scoring"),
    [(EchoServer, "echo"), (OneAtATimeServer, "echo"), (ForceServer, "force")],
)
@pytest.mark.parametrize("prompt", ["Robot: 1:", "Robot: 1."])  # the second merges with labels
def test_scores_are_those_of_the_model_behind_it(
    kind: type[Handler], scoring: str, prompt: str
) -> None:
    with serve(kind) as address:
        model = load_language_model(address)
        assert isinstance(model, ServerLanguageModel)
        assert isinstance(model, LanguageModel)
        assert (model.name, model.scoring) == ("tiny", scoring)
        scores = model.score(prompt, LABELS)
    expected = tiny_model().score_one_by_one(prompt, LABELS)
    np.testing.assert_allclose(scores.log_likelihood, expected.log_likelihood, atol=1e-4)
    assert scores.tokens.tolist() == expected.tokens.tolist()
    assert model.score(prompt, LABELS) is scores  # remembered: the server is gone


def test_generation_is_cut_at_the_stop() -> None:
    with serve(ForceServer) as address:
        model = load_language_model(address)
        text = model.generate("Robot:", 1)
        assert text == tiny_model().generate("Robot:", 1)
        assert model.generate("Robot:", 1, [text]) == ""


@pytest.mark.parametrize("kind", [BiasedServer, PlainServer])
def test_servers_that_cannot_score_given_text_are_refused(kind: type[Handler]) -> None:
    with serve(kind) as address, pytest.raises(ServerError, match="cannot score given text"):
        connect(address)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (RefusingServer, "no model made/tiny here"),
        (WebServer, "did not answer with JSON"),
        (ManyModelsServer, "has 2 models; name one after a #: one, two"),
        (LockedServer, f"401: invalid key.*{KEY_VARIABLE}"),
        (RedirectingServer, "answered 302"),
    ],
)
def test_wrong_servers_are_named_in_one_sentence(kind: type[Handler], words: str) -> None:
    with serve(kind) as address, pytest.raises(ServerError, match=words) as caught:
        connect(address)
    assert "\n" not in str(caught.value)


def test_a_dead_server_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]  # bound and not listening: refuses
        with pytest.raises(ServerError, match=f"no language model answers at .*:{port}"):
            connect(f"http://127.0.0.1:{port}/v1#x")


def test_a_slow_server_is_asked_once_more_and_given_up_even_if_it_drips() -> None:
    with serve(SlowServer) as address, pytest.raises(ServerError, match=r"within 0\.3 s"):
        connect(address, timeout=0.3)
    assert [path for path, _ in SlowServer.requests] == ["/v1/completions"] * 2


def test_a_busy_server_is_asked_again() -> None:
    LoadingServer.busy = transport_module.ATTEMPTS - 1
    with serve(LoadingServer) as address:
        assert connect(address).scoring == "echo"
    LoadingServer.busy = transport_module.ATTEMPTS
    with serve(LoadingServer) as address, pytest.raises(ServerError, match="503: loading model"):
        connect(address)


def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "secret")
    with serve(LockedServer) as address:
        assert connect(address).scoring == "echo"
    monkeypatch.setenv(KEY_VARIABLE, "se\ncret")
    with pytest.raises(ServerError, match="holds characters") as caught:
        connect("http://127.0.0.1:1/v1")
    assert "cret" not in str(caught.value).replace("characters", "")


def test_a_model_is_named_in_the_address() -> None:
    with serve(ManyModelsServer) as address:
        assert connect(f"{address}#two").name == "two"


def test_a_prompt_that_the_server_cannot_hold_is_refused() -> None:
    with serve(EchoServer) as address:
        model = connect(address)
        with pytest.raises(PromptTooLongError, match="maximum context length is 64"):
            model.score("x" * 60, ["far too long"])
        with pytest.raises(InvalidRequestError):
            model.score("x", [])


@pytest.mark.parametrize("address", ["http://", "http://:80", "http://a:b:c", "http://a:99999999"])
def test_addresses_that_are_none_are_refused(address: str) -> None:
    with pytest.raises(ServerError, match="not a server's address"):
        load_language_model(address)


def test_a_key_in_the_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(ServerError, match=KEY_VARIABLE) as caught:
        load_language_model("http://me:hunter2@127.0.0.1/v1")
    assert "hunter2" not in str(caught.value)
