"""The rules for every test are kept by fixtures; each of them notices what it is there for."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

LEAKS = """
import asyncio
import gc
import socket
import threading
import warnings

KEPT = []


async def test_task():
    KEPT.append(asyncio.create_task(asyncio.sleep(60)))


def test_thread():
    halt = threading.Event()
    thread = threading.Thread(target=halt.wait, args=(5,))
    thread.start()
    KEPT.append(thread)


def test_socket():
    KEPT.append(socket.socket())


def test_file():
    KEPT.append(open(__file__))


def test_unclosed_resource():
    socket.socket()


def test_unraisable():
    class Clumsy:
        def __del__(self):
            raise ValueError("in __del__")
    Clumsy()


async def test_never_retrieved():
    async def fail():
        raise ValueError("nobody asks")
    task = asyncio.create_task(fail())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task


def test_warning():
    warnings.warn("anything")


async def test_nothing():
    await asyncio.sleep(0)
"""


def test_fm93_whatever_is_left_behind_fails_its_test(tmp_path: Path) -> None:
    """In a process of its own: these tests are meant to fail."""
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path / "tests")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "tests" / "test_leaks.py").write_text(LEAKS)
    command = [sys.executable, "-m", "pytest", "-rfEp", "--tb=no", "tests"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    noticed = set(re.findall(r"^(?:FAILED|ERROR) \S+::test_(\w+)", run.stdout, re.MULTILINE))
    every = set(re.findall(r"def test_(\w+)", LEAKS))
    assert every - noticed == {"nothing"}, run.stdout
