"""A stand-in for the services of language models, to which real agents talk; it logs each prompt that it receives.

`python -m bench.agents.model_service 8730 LOG` serves http://127.0.0.1:8730: OpenAI's chat completions and responses,
and Anthropic's messages under /v1, Gemini's API under /v1beta, streaming or not. LOG gets one JSON line for each
request. Words in the newest prompt set the answer: `THINK12` waits 12 s first, `STREAM12` sends a word each 0.2 s for
12 s, and `TOOL` calls the agent's shell tool, or sends a block of shell source to an agent without tools. `AGAIN9`
waits 9 s before the result of the tool is answered. Without such a word the answer comes at once.
"""

from __future__ import annotations

import argparse
import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_SHELLS = ("exec_command", "shell_command", "shell", "run_shell_command", "bash", "Bash", "Shell",
           "execute_bash", "run_commands")  # fmt: skip
_COMMAND = "touch made-by-the-agent"
_BLOCK = f"Run this:\n\n```bash\n{_COMMAND}\n```\n"


def _texts(content: Any) -> str:
    """The text of a message's content, which is a string or a list of parts."""
    if isinstance(content, str):
        return content
    return "\n".join(
        part["text"] for part in content or [] if isinstance(part, dict) and isinstance(part.get("text"), str)
    )


class Request:
    """A request of an agent. `users`: all its prompts so far; `last`: the newest one, empty after a tool's result."""

    def __init__(self, path: str, body: dict[str, Any]) -> None:
        self.path, self.body = path, body
        messages = body.get("messages") or body.get("contents") or body.get("input") or []
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        said = [
            (each.get("role"), _texts(each.get("content") or each.get("parts")))
            for each in messages
            if each.get("role") not in ("system", "developer")
        ]
        self.users = [text for role, text in said if role == "user" and text]
        self.last = said[-1][1] if said and said[-1][0] == "user" else ""
        self.gemini = "contents" in body
        self.responses = "input" in body
        self.anthropic = path.partition("?")[0].endswith("/messages")
        self.stream = bool(body.get("stream")) or "stream" in path

    def tools(self) -> dict[str, Any]:
        """Returns the parameters of the tools that the agent offers, by the tool's name."""
        found = {}
        for tool in self.body.get("tools") or []:
            for each in tool.get("functionDeclarations") or [tool.get("function") or tool]:
                if each.get("name"):
                    found[each["name"]] = (
                        each.get("parameters") or each.get("parametersJsonSchema") or each.get("input_schema") or {}
                    )
        return found

    def call(self) -> tuple[str, dict[str, Any]] | None:
        """Returns the call of a shell tool, if the prompt wants one and the agent offers one."""
        tools = self.tools() if re.search(r"\bTOOL\b", self.last) else {}
        for name in _SHELLS:
            if name in tools:
                known = tools[name].get("properties") or {}
                key = next((key for key in ("cmd", "commands") if key in known), "command")
                listed = (known.get(key) or {}).get("type") == "array"
                words: dict[str, Any] = {key: ["sh", "-c", _COMMAND] if listed else _COMMAND}
                if key == "commands":
                    words = {key: [_COMMAND]}
                words |= {"description": "Makes a file"} if "description" in known else {}
                words |= {"is_background": False} if "is_background" in known else {}
                if "sandbox_permissions" in known:
                    words |= {"sandbox_permissions": "require_escalated", "justification": "It makes a file"}
                return name, words
        return None


def _pieces(asked: Request, called: bool = False) -> Iterator[str]:
    """The words of an answer, as they come; a call of a tool may follow."""
    if think := re.search(r"\bTHINK(\d+)", asked.last):
        time.sleep(float(think[1]))
    elif not asked.last and asked.users and (again := re.search(r"\bAGAIN(\d+)", asked.users[-1])):
        time.sleep(float(again[1]))
    if slow := re.search(r"\bSTREAM(\d+)", asked.last):
        end = time.monotonic() + float(slow[1])
        number = 0
        while time.monotonic() < end:
            number += 1
            yield f"word{number} " + ("\n" if number % 12 == 0 else "")
            time.sleep(0.2)
    if not called:
        if re.search(r"\bTOOL\b", asked.last) and not asked.tools():
            yield _BLOCK
        yield "ok."


def _chat(asked: Request) -> Iterator[dict[str, Any]]:
    model = asked.body.get("model")
    head = {"id": "chat-1", "created": int(time.time()), "model": model, "object": "chat.completion.chunk"}

    def chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    yield chunk({"role": "assistant", "content": ""})
    call = asked.call()
    for piece in _pieces(asked, call is not None):
        yield chunk({"content": piece})
    if call:
        words = {"name": call[0], "arguments": json.dumps(call[1])}
        yield chunk(
            {"tool_calls": [{"index": 0, "id": f"call_{time.time_ns()}", "type": "function", "function": words}]}
        )
    yield chunk({}, "tool_calls" if call else "stop")
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    yield {**head, "choices": [], "usage": usage}


def _responses(asked: Request) -> Iterator[dict[str, Any]]:
    """Events of the responses API: a message, and a call of a tool behind it."""
    name, output = f"resp_{time.time_ns()}", []
    yield {"type": "response.created", "response": {"id": name, "status": "in_progress", "output": []}}
    call, whole = asked.call(), ""
    for piece in _pieces(asked, call is not None):
        if not whole:
            item = {"type": "message", "id": f"msg_{name}", "role": "assistant", "content": []}
            yield {"type": "response.output_item.added", "output_index": 0, "item": item}
        whole += piece
        yield {"type": "response.output_text.delta", "item_id": f"msg_{name}", "output_index": 0, "content_index": 0,
               "delta": piece}  # fmt: skip
    if whole:
        content = [{"type": "output_text", "text": whole, "annotations": []}]
        output.append({"type": "message", "id": f"msg_{name}", "role": "assistant", "content": content})
        yield {"type": "response.output_item.done", "output_index": 0, "item": output[-1]}
    if call:
        output.append({"type": "function_call", "id": f"fc_{name}", "call_id": f"call_{name}", "name": call[0],
                       "arguments": json.dumps(call[1])})  # fmt: skip
        yield {"type": "response.output_item.added", "output_index": len(output) - 1, "item": output[-1]}
        yield {"type": "response.output_item.done", "output_index": len(output) - 1, "item": output[-1]}
    usage = {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 5,
             "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 15}  # fmt: skip
    answer = {"id": name, "status": "completed", "output": output, "usage": usage}
    yield {"type": "response.completed", "response": answer}


def _gemini(asked: Request) -> Iterator[dict[str, Any]]:
    """Chunks of Gemini's API."""

    def chunk(part: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"candidates": [{"content": {"role": "model", "parts": [part]}, "index": 0, **more}]}

    usage = {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}
    call = asked.call()
    for piece in _pieces(asked, call is not None):
        yield chunk({"text": piece})
    last = {"functionCall": {"name": call[0], "args": call[1]}} if call else {"text": ""}
    yield {**chunk(last, finishReason="STOP"), "usageMetadata": usage}


def _anthropic(asked: Request) -> Iterator[dict[str, Any]]:
    """Events of Anthropic's messages: a block of text, and one of a tool's use behind it."""
    usage = {"input_tokens": 10, "output_tokens": 1}
    message = {"id": f"msg_{time.time_ns()}", "type": "message", "role": "assistant", "model": asked.body.get("model"),
               "content": list[object](), "stop_reason": None, "stop_sequence": None, "usage": usage}  # fmt: skip
    yield {"type": "message_start", "message": message}
    call, texts = asked.call(), 0
    for piece in _pieces(asked, call is not None):
        if not texts:
            yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
        texts = 1
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
    if texts:
        yield {"type": "content_block_stop", "index": 0}
    if call:
        block = {"type": "tool_use", "id": f"toolu_{time.time_ns()}", "name": call[0], "input": {}}
        yield {"type": "content_block_start", "index": texts, "content_block": block}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(call[1])}
        yield {"type": "content_block_delta", "index": texts, "delta": delta}
        yield {"type": "content_block_stop", "index": texts}
    reason = {"stop_reason": "tool_use" if call else "end_turn", "stop_sequence": None}
    yield {"type": "message_delta", "delta": reason, "usage": {"output_tokens": 5}}
    yield {"type": "message_stop"}


def _joined(asked: Request) -> dict[str, Any]:
    """The answer to a request that does not stream."""
    if asked.gemini:
        chunks = list(_gemini(asked))
        parts = [
            part for each in chunks for part in each["candidates"][0]["content"]["parts"] if part.get("text") != ""
        ]
        return {
            **chunks[-1],
            "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}],
        }
    if asked.responses:
        return dict(list(_responses(asked))[-1]["response"])
    text = "".join(_pieces(asked))
    if asked.anthropic:
        message = dict(next(_anthropic(asked))["message"])
        return {**message, "content": [{"type": "text", "text": text}], "stop_reason": "end_turn"}
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    return {"id": "chat-1", "object": "chat.completion", "created": int(time.time()), "model": asked.body.get("model"),
            "choices": [choice], "usage": usage}  # fmt: skip


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    log_path = ""
    lock = threading.Lock()

    def log_message(self, *_: object) -> None:
        """Keeps quiet: the log is ours."""

    def _note(self, **facts: object) -> None:
        with self.lock, open(self.log_path, "a", encoding="utf-8") as file:
            file.write(json.dumps({"time": round(time.time(), 3), "path": self.path, **facts}) + "\n")

    def _answer(self, value: object, status: int = 200) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        """Lists models; answers any other path with an error."""
        if self.path.split("?")[0].endswith("/models"):
            self._answer({"object": "list", "data": [{"id": "stand-in", "object": "model"}], "models": []})
        else:
            self._note(method="GET")
            self._answer({"error": {"message": "not here"}}, 404)

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            body = json.loads(data)
            assert isinstance(body, dict)
        except (ValueError, AssertionError):
            self._note(bytes=len(data))
            self._answer({})
            return
        if self.path.split("?")[0].endswith((":countTokens", "/count_tokens")):
            self._answer({"totalTokens": 10, "input_tokens": 10})
            return
        asked = Request(self.path, body)
        if not asked.users:
            self._note(bytes=len(data))
            self._answer({})
            return
        self._note(agent=self.headers.get("User-Agent"), model=body.get("model"), stream=asked.stream,
                   tools=sorted(asked.tools()), last=asked.last, users=asked.users)  # fmt: skip
        if not asked.stream:
            self._answer(_joined(asked))
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            speaks = (
                _gemini if asked.gemini else _responses if asked.responses else _anthropic if asked.anthropic else _chat
            )
            for chunk in speaks(asked):
                kind = f"event: {chunk['type']}\n" if "type" in chunk else ""
                self.wfile.write(f"{kind}data: {json.dumps(chunk)}\n\n".encode())
                self.wfile.flush()
            if not (asked.gemini or asked.responses or asked.anthropic):
                self.wfile.write(b"data: [DONE]\n\n")
        except (BrokenPipeError, ConnectionResetError):
            self._note(cut=True)


def serve(port: int, log_path: str) -> ThreadingHTTPServer:
    """Starts the service on a port of loopback (0: any free one), in threads that end with this process."""
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
