"""Node with its BullMQ, installed from the lock file beside this one into a cache."""

import asyncio
import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.servers.processes import missing

HERE = Path(__file__).with_name("node")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cnstra-tests" / "node"
MANIFEST = ("package.json", "package-lock.json", ".npmrc")
PATIENCE = 30.0


class Node:
    """Runs the scripts beside the lock file."""

    def __init__(self, command: str, modules: Path) -> None:
        self._command = command
        self._modules = modules

    @property
    def versions(self) -> dict[str, str]:
        node = subprocess.run([self._command, "--version"], check=True, capture_output=True, text=True).stdout.strip()
        bullmq = json.loads((self._modules / "bullmq" / "package.json").read_text())["version"]
        return {"node": node, "bullmq": bullmq}

    async def run(self, script: str, *arguments: str) -> Any:
        """Run a script to its end, and return the JSON on the first line that it prints."""
        process = await asyncio.create_subprocess_exec(
            self._command,
            str(HERE / script),
            *arguments,
            env={**os.environ, "NODE_PATH": str(self._modules)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(PATIENCE):
                output, errors = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode == 0, errors.decode()
        return json.loads(output.splitlines()[0])


def installed_node() -> Node:
    """Return Node with its BullMQ; where there is none, skip the test, or fail it in CI."""
    command, npm = shutil.which("node"), shutil.which("npm")
    if command is None or npm is None:
        missing("node and npm", hint="install Node 20 or newer")
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not all(_is_same(name) for name in MANIFEST) or not (CACHE / "node_modules" / "bullmq").is_dir():
            _install(npm)
    return Node(command, CACHE / "node_modules")


def _is_same(name: str) -> bool:
    copy = CACHE / name
    return copy.exists() and copy.read_bytes() == (HERE / name).read_bytes()


def _install(npm: str) -> None:
    for name in MANIFEST:
        (CACHE / name).unlink(missing_ok=True)
    for name in reversed(MANIFEST):
        shutil.copyfile(HERE / name, CACHE / name)
    done = subprocess.run([npm, "ci", "--ignore-scripts"], cwd=CACHE, capture_output=True, text=True, check=False)
    if done.returncode:
        (CACHE / "package.json").unlink()
        missing("Node's bullmq", hint=f"npm ci has failed: {done.stderr.strip()[-500:]}")
