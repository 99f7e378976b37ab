"""OpenAI-compatible servers on loopback, in this process, over the tiny language model."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import torch

from tests.planners.tiny_language_models import ByteTokenizer, tiny_llama

NAME = "made/tiny"


class Handler(BaseHTTPRequestHandler):
    """A server; subclasses are the styles that exist."""

    network = tiny_llama(context=64)
    tokenizer = ByteTokenizer()
    requests: ClassVar[list[tuple[str, dict[str, str]]]] = []

    def do_GET(self) -> None:
        self.answer(self.models())

    def do_POST(self) -> None:
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.requests.append((self.path, dict(self.headers)))
        if self.path == "/v1/completions":
            self.complete(content)
        elif self.path == "/tokenize":
            self.answer({"tokens": self.tokenizer.encode(content["content"])})
        else:
            self.answer({"error": {"message": "no such path"}}, 404)

    def models(self) -> dict[str, Any]:
        return {"data": [{"id": NAME}]}

    def complete(self, content: dict[str, Any]) -> None:
        raise NotImplementedError

    def answer(self, content: Any, status: int = 200) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_probabilities(self, tokens: list[int]) -> torch.Tensor:
        """[n, vocabulary], after each token."""
        with torch.no_grad():
            logits, _ = self.network(torch.tensor([tokens]), torch.arange(len(tokens))[None])
        return logits[0].log_softmax(-1)

    def log_message(self, *_arguments: Any) -> None:
        """Keep the tests' output clean."""


class EchoServer(Handler):
    """As vLLM: several prompts at once, prompt log-probabilities with the echo."""

    def complete(self, content: dict[str, Any]) -> None:
        prompts = content["prompt"]
        prompts = [prompts] if isinstance(prompts, str) else prompts
        choices, total = [], 0
        for index, prompt in enumerate(prompts):
            tokens = self.tokenizer.encode(prompt)
            if len(tokens) > self.network.context:
                message = f"This model's maximum context length is {self.network.context} tokens."
                self.answer({"error": {"message": message}}, 400)
                return
            total += len(tokens)
            log_p = self.log_probabilities(tokens)
            following = [*tokens[1:], int(log_p[-1].argmax())]
            values = [float(log_p[at, token]) for at, token in enumerate(following)]
            choice: dict[str, Any] = {"index": index, "text": self.tokenizer.decode(following[-1:])}
            if content.get("echo"):
                texts = [self.tokenizer.decode([token]) for token in [*tokens, following[-1]]]
                choice["logprobs"] = {"tokens": texts, "token_logprobs": [None, *values]}
            choices.append(choice)
        choices.reverse()  # the index counts, not the order
        self.answer({"choices": choices, "usage": {"prompt_tokens": total}})


class OneAtATimeServer(EchoServer):
    """Takes a list of prompts and answers the first alone."""

    def complete(self, content: dict[str, Any]) -> None:
        prompt = content["prompt"]
        super().complete(content | {"prompt": prompt if isinstance(prompt, str) else prompt[0]})


class ForceServer(Handler):
    """As llama-server: no echo; log-probabilities from before the bias; token prompts."""

    biased_report = False

    def complete(self, content: dict[str, Any]) -> None:
        prompt = content["prompt"]
        tokens = self.tokenizer.encode(prompt) if isinstance(prompt, str) else prompt
        log_p = self.log_probabilities(tokens)[-1]
        biased = log_p.clone()
        for token, bias in content.get("logit_bias", {}).items():
            biased[int(token)] += bias
        token = int(biased.argmax())
        if self.biased_report:
            log_p = biased.log_softmax(-1)
        top = log_p.topk(min(content.get("logprobs", 1), 20))  # so few that some are forced
        entry = {
            "id": token,
            "logprob": float(log_p[token]),
            "top_logprobs": [
                {"id": int(at), "logprob": float(value)}
                for value, at in zip(top.values, top.indices, strict=True)
            ],
        }
        choice = {"text": self.tokenizer.decode([token]), "logprobs": {"content": [entry]}}
        self.answer({"choices": [choice], "usage": {"prompt_tokens": len(tokens)}})


class BiasedServer(ForceServer):
    """Reports log-probabilities after the bias, which say nothing about the model."""

    biased_report = True


class PlainServer(Handler):
    """Generates, and reports nothing else."""

    def complete(self, content: dict[str, Any]) -> None:
        del content
        self.answer({"choices": [{"text": "x"}], "usage": {"prompt_tokens": 3}})


class RefusingServer(Handler):
    """Does not know the model."""

    def complete(self, content: dict[str, Any]) -> None:
        self.answer({"error": {"message": f"no model {content['model']} here"}}, 400)


class SlowServer(EchoServer):
    """Drips: each byte comes in time, the whole answer does not."""

    def complete(self, content: dict[str, Any]) -> None:
        del content
        self.send_response(200)
        self.end_headers()
        for _ in range(20):
            time.sleep(0.05)
            self.wfile.write(b" ")


class WebServer(Handler):
    """Something else altogether."""

    def do_GET(self) -> None:
        self.answer(b"<html>It works!</html>")

    def complete(self, content: dict[str, Any]) -> None:
        del content
        self.answer(b"<html>It works!</html>")


class LoadingServer(EchoServer):
    """Busy at first, as a server that still loads its model."""

    busy = 2

    def complete(self, content: dict[str, Any]) -> None:
        if type(self).busy > 0:
            type(self).busy -= 1
            self.answer({"error": {"message": "loading model"}}, 503)
        else:
            super().complete(content)


class LockedServer(EchoServer):
    """Wants a key."""

    def complete(self, content: dict[str, Any]) -> None:
        if self.headers.get("Authorization") == "Bearer secret":
            super().complete(content)
        else:
            self.answer({"error": {"message": "invalid key"}}, 401)


class RedirectingServer(EchoServer):
    """Sends its visitors elsewhere."""

    def complete(self, content: dict[str, Any]) -> None:
        del content
        self.send_response(302)
        self.send_header("Location", "http://127.0.0.1:9/v1/completions")
        self.send_header("Content-Length", "0")
        self.end_headers()


class ManyModelsServer(EchoServer):
    """Has two models."""

    def models(self) -> dict[str, Any]:
        return {"data": [{"id": "one"}, {"id": "two"}]}


@contextmanager
def serve(kind: type[Handler]) -> Iterator[str]:
    """Run a server; gives its address with /v1."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    kind.requests.clear()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
