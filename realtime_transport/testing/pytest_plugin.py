"""pytest fixtures for programs that talk to a realtime model: a server, a loopback, speech and a clock.

Loaded by every pytest run of an environment that has this library, so whatever a fixture needs is imported by the
fixture. The server needs the extra ``server``; the rest needs nothing.

    @pytest.mark.realtime_server("echo", pace=None)
    async def test_my_agent(realtime_server, spoken):
        await my_agent.connect(url=realtime_server.url)
        await my_agent.hear(spoken("Hello, I am planning a weekend by the sea."))
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    from realtime_transport.conversation.brain import Brain
    from realtime_transport.emulator.background import BackgroundEmulator
    from realtime_transport.transports import LoopbackTransport

T = TypeVar("T")
MARKER = "realtime_server"


def pytest_configure(config: pytest.Config) -> None:
    """Say what the marker means."""
    config.addinivalue_line(
        "markers", f"{MARKER}(*args, **options): what the realtime_server fixture gives its Emulator"
    )


@pytest.fixture
def realtime_server(request: pytest.FixtureRequest) -> Iterator[BackgroundEmulator]:
    """Run an emulator for one test: ``.url`` for sockets, ``.http_url`` for HTTP.

    It runs on a thread of its own, so blocking clients and every kind of event loop can use it. It answers with the
    brain ``improvise`` unless ``@pytest.mark.realtime_server(...)`` says otherwise; the marker takes what ``Emulator``
    takes.
    """
    from realtime_transport.emulator.background import BackgroundEmulator

    marker = request.node.get_closest_marker(MARKER)
    args: tuple[Any, ...] = marker.args if marker is not None else ()
    options: Mapping[str, Any] = marker.kwargs if marker is not None else {}
    with BackgroundEmulator(*(args or ("improvise",)), **options) as server:
        yield server


@pytest.fixture
def realtime_loopback() -> Callable[..., LoopbackTransport]:
    """Make transports whose other end is a server in memory: ``realtime_loopback(brain, pace=None)``.

    Without a brain it says back what it hears. Known recordings have their words. The rest is what ``ServerPeer`` takes
    beside the conversation: ``pace``, ``chunk_ms``, ``latency_ms``, ``voice``.
    """

    def make(brain: Brain | None = None, **peer: Any) -> LoopbackTransport:
        from realtime_transport.conversation.brains import Echo
        from realtime_transport.conversation.peer import ServerPeer
        from realtime_transport.conversation.server import ServerConversation
        from realtime_transport.conversation.server_outbox import counted_ids
        from realtime_transport.emulator.transcriber import clip_transcriber
        from realtime_transport.transports import LoopbackTransport

        def new_peer() -> ServerPeer:
            conversation = ServerConversation(ids=counted_ids(), transcriber=clip_transcriber())
            return ServerPeer(brain or Echo(), conversation=conversation, **peer)

        return LoopbackTransport(new_peer)

    return make


@pytest.fixture
def spoken() -> Callable[[str], bytes]:
    """Speak: PCM16, 24 kHz, mono, for words or the name of a clip that comes with the library; a hum for others."""

    def speak(words: str) -> bytes:
        from realtime_transport.emulator.clips import library
        from realtime_transport.emulator.voices import recorded

        names = {clip.name for clip in library().clips}
        return library().audio(words) if words in names else recorded()(words)

    return speak


@pytest.fixture
def fake_clock() -> Callable[[Coroutine[Any, Any, T]], T]:
    """Run a coroutine on a loop whose clock jumps: ``fake_clock(hour_long_call())`` takes milliseconds."""
    from realtime_transport.testing.virtual_time import run

    return run
