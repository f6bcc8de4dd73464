"""Rules for every test: nothing may be left behind, and time may be virtual.

A test fails when it leaves a task, a thread, a socket or any other file descriptor, an unraisable exception, one that
nobody retrieved, or an unclosed resource.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from realtime_transport.testing.virtual_time import VirtualTimeLoop

FILE_DESCRIPTORS = Path("/proc/self/fd")

NOT_OURS = ("/proc/", "/dev/", sys.prefix)
"""What libraries keep open once they were used: matplotlib its fonts."""


# How long an example takes is the machine's affair. Whoever chose a profile (scripts/mutate.py, CI) has said so too.
if hypothesis.settings.get_current_profile_name() == "default":
    hypothesis.settings.register_profile("patient", deadline=None)
    hypothesis.settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "virtual_time: run this coroutine on a loop whose clock jumps")


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.get_closest_marker("virtual_time") is not None:
        return {"virtual time": VirtualTimeLoop}
    return {"real time": asyncio.new_event_loop}


@pytest.fixture(scope="module", autouse=True)
def cheap_collections() -> None:
    """Leave what stays anyway (modules, what earlier tests made for all) out of the collections that follow every test.

    They take 0.2 ms instead of 30, and of half a second at the end of a long run.
    """
    gc.collect()
    gc.freeze()


def open_files() -> dict[str, str]:
    """Descriptor -> what it is open on. Sockets and pipes name themselves by inode, so a new one is always new."""
    found: dict[str, str] = {}
    for entry in FILE_DESCRIPTORS.iterdir() if FILE_DESCRIPTORS.exists() else ():
        try:
            found[entry.name] = str(entry.readlink())
        except OSError:
            continue  # the descriptor of this very listing
    return found


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Compare threads and descriptors before and after; collect, so that forgotten objects speak up in their test."""
    threads, files = set(threading.enumerate()), open_files()
    yield
    gc.collect()
    left = [thread.name for thread in threading.enumerate() if thread not in threads and not thread.daemon]
    assert left == [], "threads left behind"
    opened = {fd: target for fd, target in open_files().items() if files.get(fd) != target}
    leaked = [target for target in opened.values() if target.startswith(("socket:", "pipe:", os.sep))]
    leaked = [target for target in leaked if not target.startswith(NOT_OURS)]
    assert leaked == [], "descriptors left behind"


@pytest.fixture(autouse=True)
def watched_loop(request: pytest.FixtureRequest, nothing_left_behind: None) -> None:
    """Watch the loop of coroutine tests; set up last, so that the loop is closed when descriptors are compared."""
    if inspect.iscoroutinefunction(getattr(request.node, "obj", None)):
        request.getfixturevalue("no_task_left_behind")


@pytest.fixture
async def no_task_left_behind() -> AsyncIterator[None]:
    """Watch the loop of a coroutine test: its tasks, and the exceptions that nobody retrieved."""
    loop = asyncio.get_running_loop()
    complaints: list[Mapping[str, Any]] = []
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    ours = asyncio.all_tasks(loop)
    yield
    left = [task for task in asyncio.all_tasks(loop) - ours if task is not asyncio.current_task()]
    described = [repr(task) for task in left]
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    del left
    gc.collect()
    await asyncio.sleep(0)
    assert described == [], "tasks left behind"
    assert complaints == [], "exceptions that nobody retrieved"
