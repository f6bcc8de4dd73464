"""Servers in processes of their own: ours, one that others wrote, and a proxy that others wrote in front of ours."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from interop import equipment
from interop.equipment import NotEquipped

MASTER_KEY: Final = "sk-interop-3f9c2d7e81b64a05"
"""The proxy wants a key that looks strong. It guards nothing: everything here is on this machine."""

START_SECONDS: Final = 90.0
"""The proxy needs ten on a good day."""
STOP_SECONDS: Final = 15.0
"""Ours closes its sessions first; then the program is killed."""


SERVE: Final = ("-u", "-m", "realtime_transport.cli", "serve", "--port", "0", "--brain", "improvise", "--pace", "4")


@contextmanager
def emulator() -> Iterator[str]:
    """Run our server and give its address."""
    with _running([str(equipment.ours()), *SERVE], r"ws://127\.0\.0\.1:\d+\S*realtime") as address:
        yield address


@contextmanager
def secure_emulator(_: str = "") -> Iterator[str]:
    """Run our server behind TLS, for clients that know no other, and give its address."""
    command = [str(equipment.ours()), *SERVE, "--self-signed"]
    with _running(command, r"wss://127\.0\.0\.1:\d+\S*realtime") as address:
        yield address


@contextmanager
def aimock(_: str = "") -> Iterator[str]:
    """Run ``@copilotkit/aimock`` and give its address. It stands alone: ours is not behind it."""
    program = equipment.HERE / "servers" / "aimock.mjs"
    with _running([str(equipment.node()), str(program)], r"ws://\S+") as address:
        yield address


@contextmanager
def litellm(behind: str) -> Iterator[str]:
    """Run the LiteLLM proxy in front of the server at ``behind`` and give the proxy's address."""
    port = _free_port()
    program = equipment.python_with("requirements-litellm.txt").parent / "litellm"
    config = equipment.HERE / "servers" / "litellm.yaml"
    more = {"INTEROP_API_BASE": f"http://{urlsplit(behind).netloc}", "INTEROP_MASTER_KEY": MASTER_KEY}
    command = [str(program), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    with _running(command, r"Application startup complete", more):
        yield f"ws://127.0.0.1:{port}/v1/realtime"


@contextmanager
def _running(command: list[str], ready: str, more: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run a program until the block ends; give what ``ready`` found in its output."""
    found: list[str] = []
    last: deque[str] = deque(maxlen=1)
    is_ready = threading.Event()
    with (
        tempfile.TemporaryDirectory() as empty,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=empty if more else Path.cwd(),
            env={**os.environ, **(more or {})},
        ) as process,
    ):
        reading = threading.Thread(target=_read, args=(process, ready, found, last, is_ready), daemon=True)
        reading.start()
        try:
            in_time = is_ready.wait(START_SECONDS)
            if not found:
                how = "ended at once" if in_time else f"did not start within {START_SECONDS:g} s"
                raise NotEquipped(f"{Path(command[0]).name} {how}: {''.join(last).strip() or 'it said nothing'}")
            yield found[0]
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
            reading.join(STOP_SECONDS)  # longer only while a child of the program's holds its output open


def _read(
    process: subprocess.Popen[str], ready: str, found: list[str], last: deque[str], is_ready: threading.Event
) -> None:
    """Read all output, so that the program never waits for a reader."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip():
            last.append(line)
        match = None if found else re.search(ready, line)
        if match is not None:
            found.append(match.group())
            is_ready.set()
    is_ready.set()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
