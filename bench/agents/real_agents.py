"""Real agents from npm and PyPI, set up so that they talk to a stand-in for the model's service.

They are installed in a folder of their own, named by AGENTS:

    npm install @openai/codex @google/gemini-cli @qwen-code/qwen-code opencode-ai
    python3 -m venv aider && aider/bin/pip install aider-chat

Those that no number was found with: in one folder

    npm install node@22 @mariozechner/pi-coding-agent @nanocollective/nanocoder

and in another, with a Python of 3.12 or newer for vibe and kimi,

    npm install --prefix claude @anthropic-ai/claude-code        # cline: cline, cn: @continuedev/cli,
                                                                 # copilot: @github/copilot, grok: @vibe-kit/grok-cli
    python3.12 -m venv vibe && vibe/bin/pip install mistral-vibe
    python3.12 -m venv kimi && kimi/bin/pip install "kimi-cli<1.50"      # later ones only fetch a successor

`python -m bench.agents.real_agents codex HOME PORT` writes what the agent needs into HOME and prints the command line
that starts it there, as a shell takes it.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass, field

_CODEX = """model = "stand-in"
model_provider = "local"
approval_policy = "on-request"
sandbox_mode = "read-only"
check_for_update_on_startup = false

[model_providers.local]
name = "local"
base_url = "{url}/v1"
wire_api = "responses"
env_key = "OPENAI_API_KEY"
requires_openai_auth = false
request_max_retries = 0

[projects."{project}"]
trust_level = "trusted"
"""
_GEMINI = {
    "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}},
    "general": {"disableAutoUpdate": True, "enableAutoUpdate": False, "disableUpdateNag": True},
    "privacy": {"usageStatisticsEnabled": False},
    "telemetry": {"enabled": False},
    "ide": {"enabled": False, "hasSeenNudge": True},
    "ui": {"hideTips": True},
    "model": {"name": "gemini-2.5-flash"},
}
_QWEN = {
    "security": {"auth": {"selectedType": "openai"}, "folderTrust": {"enabled": False}},
    "general": {"disableAutoUpdate": True, "enableAutoUpdate": False, "disableUpdateNag": True},
    "privacy": {"usageStatisticsEnabled": False},
    "telemetry": {"enabled": False},
    "ide": {"enabled": False, "hasSeenNudge": True},
    "model": {"name": "stand-in"},
}
_OPENCODE = {
    "$schema": "https://opencode.ai/config.json",
    "model": "local/stand-in",
    "small_model": "local/stand-in",
    "autoupdate": False,
    "share": "disabled",
    "permission": {"bash": "ask", "edit": "ask"},
    "provider": {
        "local": {
            "npm": "@ai-sdk/openai-compatible",
            "name": "local",
            "options": {"baseURL": "{url}/v1", "apiKey": "dummy"},
            "models": {"stand-in": {"name": "stand-in", "limit": {"context": 1000000, "output": 10000}}},
        }
    },
}


@dataclass(frozen=True)
class RealAgent:
    """How one is started: its program below AGENTS, its words, environment and files ("{url}", "{project}" filled in).

    `ready` is an expression for its screen once it takes prompts.
    """

    program: str
    words: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    ready: str = ""


AGENTS = {
    "codex": RealAgent(
        "node_modules/.bin/codex",
        env={"OPENAI_API_KEY": "dummy"},
        files={".codex/config.toml": _CODEX},
        ready=r"(?m)^\s*›",
    ),
    "gemini": RealAgent(
        "node_modules/.bin/gemini",
        env={"GEMINI_API_KEY": "dummy", "GOOGLE_GEMINI_BASE_URL": "{url}", "GEMINI_CLI_TRUST_WORKSPACE": "true"},
        files={".gemini/settings.json": json.dumps(_GEMINI)},
        ready="Type your message",
    ),
    "qwen": RealAgent(
        "node_modules/.bin/qwen",
        env={"OPENAI_API_KEY": "dummy", "OPENAI_BASE_URL": "{url}/v1", "OPENAI_MODEL": "stand-in"},
        files={".qwen/settings.json": json.dumps(_QWEN)},
        ready="Type your message",
    ),
    "opencode": RealAgent(
        "node_modules/opencode-linux-x64/bin/opencode",
        env={
            "OPENCODE_DISABLE_AUTOUPDATE": "1",
            "OPENCODE_DISABLE_MODELS_FETCH": "1",
            "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
        },
        files={".config/opencode/opencode.json": json.dumps(_OPENCODE)},
        ready="Ask anything",
    ),
    "aider": RealAgent(
        "aider/bin/aider",
        (
            "--model",
            "openai/stand-in",
            "--no-git",
            "--no-check-update",
            "--no-show-model-warnings",
            "--no-gitignore",
            "--analytics-disable",
            "--no-show-release-notes",
            "--no-detect-urls",
            "--edit-format",
            "diff",
            "--map-tokens",
            "0",
        ),
        env={"OPENAI_API_KEY": "dummy", "OPENAI_API_BASE": "{url}/v1", "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        ready=r"(?m)^\w*>",
    ),
}

_CLAUDE = {
    "hasCompletedOnboarding": True,
    "theme": "dark",
    "customApiKeyResponses": {"approved": ["dummy"]},
    "projects": {"{project}": {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}},
}
_CLINE_LOCAL = {"provider": "openai-compatible", "apiKey": "dummy", "model": "stand-in", "baseUrl": "{url}/v1"}
_CLINE = {
    "version": 1,
    "lastUsedProvider": "openai-compatible",
    "modes": {},
    "providers": {
        "openai-compatible": {
            "settings": _CLINE_LOCAL,
            "updatedAt": "2026-01-01T00:00:00.000Z",
            "tokenSource": "manual",
        }
    },
}
_CLINE_NOTICES = {"shown": {"cline-cli-cline-pass-intro": True, "cline-cli-desktop-launch": True}}
_CONTINUE = """name: local
version: 0.0.1
models:
  - {name: stand-in, provider: openai, model: stand-in, apiBase: "{url}/v1", apiKey: dummy, roles: [chat]}
"""
_KIMI = """default_model = "stand-in"
telemetry = false

[providers.local]
type = "openai_legacy"
base_url = "{url}/v1"
api_key = "dummy"

[models.stand-in]
provider = "local"
model = "stand-in"
max_context_size = 1000000
"""
_VIBE = """active_model = "stand-in"
enable_telemetry = false
enable_update_checks = false

[[providers]]
name = "local"
api_base = "{url}/v1"
api_key_env_var = ""

[[models]]
name = "stand-in"
provider = "local"
alias = "stand-in"
"""
_LOCAL = {"baseUrl": "{url}/v1", "apiKey": "dummy"}
_PI = {"providers": {"local": {**_LOCAL, "api": "openai-completions", "models": [{"id": "stand-in"}]}}}
_NANOCODER = {"nanocoder": {"providers": [{"name": "local", "models": ["stand-in"], **_LOCAL}]}}
AGENTS |= {
    "claude": RealAgent(
        "claude/node_modules/@anthropic-ai/claude-code-linux-x64/claude",
        env={
            "ANTHROPIC_API_KEY": "dummy",
            "ANTHROPIC_BASE_URL": "{url}",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
        },
        files={".claude.json": json.dumps(_CLAUDE)},
        ready="❯",
    ),
    "cline": RealAgent(
        "cline/node_modules/.bin/cline",
        ("--tui", "--auto-approve", "false"),
        files={
            ".cline/data/settings/providers.json": json.dumps(_CLINE),
            ".cline/data/settings/cli-notices.json": json.dumps(_CLINE_NOTICES),
        },
        ready="What can I do",
    ),
    "cn": RealAgent(
        "cn/node_modules/.bin/cn",
        ("--config", "{project}/../continue.yaml"),
        files={"continue.yaml": _CONTINUE},
        ready="Ask anything",
    ),
    "copilot": RealAgent(
        "copilot/node_modules/@github/copilot-linux-x64/copilot",
        env={
            "COPILOT_OFFLINE": "true",
            "COPILOT_AUTO_UPDATE": "false",
            "COPILOT_PROVIDER_BASE_URL": "{url}/v1",
            "COPILOT_PROVIDER_API_KEY": "dummy",
            "COPILOT_MODEL": "stand-in",
        },
        ready="Interactive ·",
    ),
    "grok": RealAgent(
        "grok/node_modules/.bin/grok",
        env={"GROK_API_KEY": "dummy", "GROK_BASE_URL": "{url}/v1", "GROK_MODEL": "stand-in"},
        ready="❯",
    ),
    "kimi": RealAgent("kimi/bin/kimi", files={".kimi/config.toml": _KIMI}, ready="stand-in"),
    "vibe": RealAgent("vibe/bin/vibe", ("--trust",), files={".vibe/config.toml": _VIBE}, ready="stand-in"),
    "pi": RealAgent(
        "node_modules/.bin/pi",
        ("--provider", "local", "--model", "stand-in"),
        files={".pi/agent/models.json": json.dumps(_PI)},
        ready="stand-in",
    ),
    "nanocoder": RealAgent(
        "node_modules/node/bin/node",
        ("{agents}/node_modules/@nanocollective/nanocoder/dist/cli.js",),
        files={"project/agents.config.json": json.dumps(_NANOCODER)},
        ready="What would you like",
    ),
}
"""Agents that were not used to choose the numbers of the rule `stopped`; pi asks for no permission."""


def prepare(name: str, home: str, port: int) -> tuple[list[str], dict[str, str], str]:
    """Writes an agent's files into `home`: its command, what it needs in its environment, and its directory."""
    agent, project = AGENTS[name], os.path.join(home, "project")
    os.makedirs(project, exist_ok=True)
    subprocess.run(["git", "init", "-q", project], check=True)

    def filled(text: str) -> str:
        text = text.replace("{url}", f"http://127.0.0.1:{port}").replace("{project}", project)
        return text.replace("{agents}", os.environ["AGENTS"])

    for path, text in agent.files.items():
        target = os.path.join(home, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", encoding="utf-8") as file:
            file.write(filled(text))
    env = {"HOME": home, "NO_PROXY": "127.0.0.1", **{key: filled(value) for key, value in agent.env.items()}}
    return [os.path.join(os.environ["AGENTS"], agent.program), *map(filled, agent.words)], env, project


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(description=__doc__)
    _parser.add_argument("agent", choices=AGENTS)
    _parser.add_argument("home", type=os.path.realpath)
    _parser.add_argument("port", type=int)
    _given = _parser.parse_args()
    _command, _env, _project = prepare(_given.agent, _given.home, _given.port)
    _words = ["env", *(f"{key}={value}" for key, value in _env.items()), *_command]
    sys.stdout.write(f"cd {shlex.quote(_project)} && {shlex.join(_words)}\n")
