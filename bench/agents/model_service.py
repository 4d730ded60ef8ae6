"""A stand-in for the services of language models, which logs each prompt of an agent.

`python -m bench.agents.model_service 8730 LOG` serves http://127.0.0.1:8730: OpenAI's chat completions and responses,
and Anthropic's messages under /v1, Gemini's API under /v1beta, streaming or not. LOG gets one JSON line for each
request, with the digests of its pictures. The answer is a word. `THINK12` in the newest prompt has it wait 12 s before
that.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ANSWER = "ok."
_PNG = re.compile(r"iVBORw0KGgo[\w+/]*={0,2}")
"""A picture in base64."""
_USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
"""What OpenAI and Anthropic call it, because each ignores the other's keys."""
Event = dict[str, Any]


def _texts(content: Any) -> str:
    """Return the text of a message's content, a string or a list of parts."""
    if isinstance(content, str):
        return content
    parts = [part.get("text") for part in content or [] if isinstance(part, dict)]
    return "\n".join(part for part in parts if isinstance(part, str))


class Request:
    """A request of an agent, with all earlier prompts and the offered tools."""

    def __init__(self, path: str, body: dict[str, Any]) -> None:
        self.model = body.get("model")
        messages = body.get("messages") or body.get("contents") or body.get("input") or []
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        said = [(each.get("role"), _texts(each.get("content") or each.get("parts"))) for each in messages]
        self.users = [text for role, text in said if role == "user" and text]
        self.tools = len(body.get("tools") or [])
        self.stream = bool(body.get("stream")) or "stream" in path
        self.speaks = _gemini if "contents" in body else _responses if "input" in body else _chat
        if path.partition("?")[0].endswith("/messages"):
            self.speaks = _anthropic

        self.pictures = [hashlib.sha256(base64.b64decode(each)).hexdigest() for each in _PNG.findall(json.dumps(body))]

    def think(self) -> None:
        """Wait as long as the newest prompt says."""
        if found := re.search(r"\bTHINK(\d+)", self.users[-1]):
            time.sleep(float(found[1]))


def _chat(asked: Request) -> Iterator[Event]:
    """Yield chunks of chat completions; at last the whole completion."""
    head = {"id": "chat-1", "created": int(time.time()), "model": asked.model}
    for delta, reason in (({"role": "assistant", "content": ""}, None), ({"content": ANSWER}, None), ({}, "stop")):
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        yield {**head, "object": "chat.completion.chunk", "choices": [choice]}
    yield {**head, "object": "chat.completion.chunk", "choices": [], "usage": _USAGE}
    message = {"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}
    yield {**head, "object": "chat.completion", "choices": [message], "usage": _USAGE}


def _responses(asked: Request) -> Iterator[Event]:
    """Yield events of the responses API; at last the whole response."""
    response: Event = {"id": f"resp_{time.time_ns()}", "model": asked.model, "status": "in_progress", "output": []}
    item: Event = {"type": "message", "id": f"msg_{time.time_ns()}", "role": "assistant", "content": []}
    place = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    yield {"type": "response.created", "response": response}
    yield {"type": "response.output_item.added", "output_index": 0, "item": item}
    yield {"type": "response.output_text.delta", **place, "delta": ANSWER}
    item = {**item, "content": [{"type": "output_text", "text": ANSWER, "annotations": []}]}
    yield {"type": "response.output_item.done", "output_index": 0, "item": item}
    details = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    response |= {"status": "completed", "output": [item], "usage": {**_USAGE, **details}}
    yield {"type": "response.completed", "response": response}
    yield response


def _gemini(asked: Request) -> Iterator[Event]:
    """Yield the chunks of Gemini's API, which are whole answers too."""
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}
    candidate = {"content": {"role": "model", "parts": [{"text": ANSWER}]}, "index": 0, "finishReason": "STOP"}
    answer = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": asked.model}
    yield answer
    yield answer


def _anthropic(asked: Request) -> Iterator[Event]:
    """Yield events of Anthropic's messages; at last the whole message."""
    message: Event = {"id": f"msg_{time.time_ns()}", "type": "message", "role": "assistant", "model": asked.model}
    message |= {"content": [], "stop_reason": None, "stop_sequence": None, "usage": _USAGE}
    yield {"type": "message_start", "message": message}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": ANSWER}}
    yield {"type": "content_block_stop", "index": 0}
    ended = {"stop_reason": "end_turn", "stop_sequence": None}
    yield {"type": "message_delta", "delta": ended, "usage": _USAGE}
    yield {"type": "message_stop"}
    yield {**message, **ended, "content": [{"type": "text", "text": ANSWER}]}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    log_path = ""
    lock = threading.Lock()

    def log_message(self, *_: object) -> None:
        """Say nothing: the log is ours."""

    def _answer(self, value: object) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        """List the models, whatever is asked."""
        self._answer({"object": "list", "data": [{"id": "stand-in", "object": "model"}], "models": []})

    def do_POST(self) -> None:
        """Answer a prompt; give an empty answer to what is none."""
        try:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        except ValueError:
            body = None
        asked = Request(self.path, body) if isinstance(body, dict) else None
        if asked is None or not asked.users or self.path.split("?")[0].endswith((":countTokens", "/count_tokens")):
            self._answer({"totalTokens": 10, "input_tokens": 10})
            return
        with self.lock, open(self.log_path, "a", encoding="utf-8") as file:
            facts = {
                "time": time.time(), "path": self.path, "tools": asked.tools, "users": asked.users,
                "pictures": asked.pictures,
            }  # fmt: skip
            file.write(json.dumps(facts) + "\n")
        asked.think()
        *events, whole = asked.speaks(asked)
        if asked.stream:
            self._stream(events, done=asked.speaks is _chat)
        else:
            self._answer(whole)

    def _stream(self, events: list[Event], *, done: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        for event in events:
            kind = f"event: {event['type']}\n" if "type" in event else ""
            self.wfile.write(f"{kind}data: {json.dumps(event)}\n\n".encode())
        if done:
            self.wfile.write(b"data: [DONE]\n\n")


def serve(port: int, log_path: str) -> ThreadingHTTPServer:
    """Start the service on a port of loopback (0: any free one), in threads."""
    handler = type("_Logging", (_Handler,), {"log_path": log_path})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(description=__doc__)
    _parser.add_argument("port", type=int)
    _parser.add_argument("log")
    _given = _parser.parse_args()
    serve(_given.port, _given.log)
    threading.Event().wait()
