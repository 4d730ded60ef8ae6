"""Real agents from npm and PyPI, which talk to a stand-in for the model's service.

They are installed in a folder of their own, named by AGENTS:

    npm install @openai/codex @google/gemini-cli @qwen-code/qwen-code opencode-ai @anthropic-ai/claude-code
    python3 -m venv aider && aider/bin/pip install aider-chat
"""

from __future__ import annotations

import json
import os
import subprocess
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
_QUIET = {
    "general": {"disableAutoUpdate": True, "enableAutoUpdate": False, "disableUpdateNag": True},
    "privacy": {"usageStatisticsEnabled": False},
    "telemetry": {"enabled": False},
    "ide": {"enabled": False, "hasSeenNudge": True},
}
"""What gemini and qwen have in common."""
_GEMINI = {
    **_QUIET,
    "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}},
    "ui": {"hideTips": True},
    "model": {"name": "gemini-2.5-flash"},
}
_QWEN = {
    **_QUIET,
    "security": {"auth": {"selectedType": "openai"}, "folderTrust": {"enabled": False}},
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
_AIDER = """--model openai/stand-in --no-git --no-check-update --no-show-model-warnings --no-gitignore
--analytics-disable --no-show-release-notes --no-detect-urls --edit-format diff --map-tokens 0"""
_CLAUDE = {
    "hasCompletedOnboarding": True,
    "theme": "dark",
    "customApiKeyResponses": {"approved": ["dummy"]},
    "projects": {"{project}": {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}},
}


@dataclass(frozen=True)
class RealAgent:
    """How one is started: its program below AGENTS, its words, variables and files.

    "{url}" and "{project}" are filled in. `ready`: an expression for its screen once it takes prompts.
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
        tuple(_AIDER.split()),
        env={"OPENAI_API_KEY": "dummy", "OPENAI_API_BASE": "{url}/v1", "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        ready=r"(?m)^\w*>",
    ),
    "claude": RealAgent(
        "node_modules/.bin/claude",
        env={
            "ANTHROPIC_API_KEY": "dummy",
            "ANTHROPIC_BASE_URL": "{url}",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
        },
        files={".claude.json": json.dumps(_CLAUDE)},
        ready="❯",
    ),
}


def prepare(name: str, home: str, port: int) -> tuple[list[str], dict[str, str], str]:
    """Write an agent's files into `home`; return its command, its variables, and its directory."""
    agent, project = AGENTS[name], os.path.join(home, "project")
    os.makedirs(project, exist_ok=True)
    subprocess.run(["git", "init", "-q", project], check=True)

    def filled(text: str) -> str:
        return text.replace("{url}", f"http://127.0.0.1:{port}").replace("{project}", project)

    for path, text in agent.files.items():
        target = os.path.join(home, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", encoding="utf-8") as file:
            file.write(filled(text))
    env = {"HOME": home, "NO_PROXY": "127.0.0.1", **{key: filled(value) for key, value in agent.env.items()}}
    return [os.path.join(os.environ["AGENTS"], agent.program), *agent.words], env, project
