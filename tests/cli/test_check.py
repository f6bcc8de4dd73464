"""``realtime-transport check`` as people run it: a table, what breaks, the exit code, the report as JSON."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

from realtime_transport.emulator import Emulator, Improviser


async def run(*arguments: str) -> tuple[int, str, str]:
    """Run it in a process of its own, while the server runs here."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "realtime_transport.cli", "check", *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_a_server_that_passes() -> None:
    async with Emulator(Improviser) as server:
        code, out, _ = await run(server.url, "--only", "session")
    assert code == 0
    assert "7 passed, 0 deviates, 0 missing" in out
    assert "merges updates" in out


async def test_a_server_that_differs_is_shown_with_the_evidence() -> None:
    async with Emulator(Improviser) as server:
        url = server.url.replace("/v1/realtime", "/openai/realtime")
        code, out, _ = await run(url, "--api-key", "k", "--only", "is acknowledged", "--timeout", "0.3", "--evidence")
    assert code == 1
    assert "breaks: nobody knows whether a message arrived" in out
    assert '< {"type": "conversation.item.added"' in out
    assert "0 passed, 0 deviates, 1 missing" in out


async def test_the_report_as_json_stands_alone_on_standard_output() -> None:
    async with Emulator(Improviser) as server:
        code, out, err = await run(server.url, "--only", "opens", "--json")
    assert code == 0
    assert json.loads(out)["findings"][0]["verdict"] == "passed"
    assert "1 passed" in err


async def test_nobody_there_is_one_line() -> None:
    code, out, err = await run("ws://127.0.0.1:9/v1/realtime")
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert "refused" in err
