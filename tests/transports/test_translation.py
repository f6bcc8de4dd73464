"""A translation over a real socket: what is heard, what is refused, and an end that loses nothing.

And the end of a transcription, which is the same call.
"""

from __future__ import annotations

from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from realtime_transport.audio import PCM16_24K
from realtime_transport.emulator import Emulator, library
from realtime_transport.events import RealtimeSessionConfig, TranslationSessionConfig
from realtime_transport.events.transport import DisconnectedEvent, RawEvent
from realtime_transport.exceptions import (
    ConnectionLost,
    InvalidArgument,
    RequestTimeout,
    StateError,
    UnsupportedOperation,
)
from realtime_transport.transports import TranslationTransport, WebSocketTransport, create_transport
from realtime_transport.transports.request import ConnectRequest
from realtime_transport.transports.translation import TRANSLATION_MODEL

SPANISH = {"audio": {"output": {"language": "es"}, "input": {"transcription": {"model": "whisper-1"}}}}
CREATED = '{"type": "session.created", "session": {"type": "translation", "id": "sess_1"}}'
WEATHER = "What is the weather like in Lisbon today? "


class Heard:
    """What a listener of a translation hears."""

    def __init__(self, transport: TranslationTransport) -> None:
        self.audio = bytearray()
        self.words = self.translation = ""
        self.types: list[str] = []
        self.ends: list[DisconnectedEvent] = []
        transport.on("audio", lambda event: self.audio.extend(event.data))
        transport.on("transcript_delta", lambda event: self._translated(event.delta))
        transport.on("input_transcript_delta", lambda event: self._said(event.delta))
        transport.on("*", self._frame)
        transport.on("disconnected", self.ends.append)

    def _translated(self, delta: str) -> None:
        self.translation += delta

    def _said(self, delta: str) -> None:
        self.words += delta

    def _frame(self, event: RawEvent) -> None:
        self.types.append(event.event.type)


async def test_nothing_of_the_end_is_lost() -> None:
    speech = library().audio("caller_weather")
    async with Emulator() as server, TranslationTransport() as transport:
        heard = Heard(transport)
        await transport.connect(url=server.url, session=SPANISH)
        assert isinstance(transport.session, TranslationSessionConfig)
        assert (transport.input_format, transport.output_format) == (PCM16_24K, PCM16_24K)
        await transport.send_audio(speech)
        await transport.finish(timeout=10.0)
        assert bytes(heard.audio[: len(speech)]) == speech
        assert heard.words == WEATHER
        assert heard.translation == f"[es] {WEATHER}"
        assert heard.types[-1] == "session.closed"
    assert [(end.code, end.clean) for end in heard.ends] == [(1000, True)]


async def test_the_language_changes_on_the_way() -> None:
    async with Emulator() as server, TranslationTransport() as transport:
        await transport.connect(url=server.url)
        await transport.update_session(SPANISH).acknowledged()
        await transport.update_session(audio={"output": {"language": "pt"}}).acknowledged()
        session = transport.session
        assert isinstance(session, TranslationSessionConfig)
        assert session.audio
        assert session.audio.output
        assert session.audio.input
        assert session.audio.output.language == "pt"
        assert session.audio.input.transcription, "the rest stays"


async def test_muted_it_is_silent_and_its_clock_runs_on() -> None:
    async with Emulator() as server, TranslationTransport() as transport:
        heard = Heard(transport)
        await transport.connect(url=server.url)
        transport.mute()
        transport.send_audio(b"\x11\x22" * 4800)
        transport.mute(False)
        transport.send_audio(b"\x11\x22" * 4800)
        await transport.finish(timeout=10.0)
        assert bytes(heard.audio) == bytes(9600) + b"\x11\x22" * 4800


async def test_what_a_translation_has_not_is_refused() -> None:
    async with Emulator() as server, TranslationTransport() as transport:
        await transport.connect(url=server.url)
        calls: list[Any] = [
            lambda: transport.send_audio(bytes(2), commit=True),
            lambda: transport.send_message("hello"),
            transport.commit_audio,
            transport.request_response,
            transport.interrupt,
            lambda: transport.reset_history([]),
            lambda: transport.send_event({"type": "response.create"}),
        ]
        sent: list[object] = []
        transport.on("sent", sent.append)
        for call in calls:
            with pytest.raises(UnsupportedOperation, match="a translation"):
                call()
        assert not transport.capabilities.can_truncate
    assert sent == []


async def test_events_of_the_family_may_be_sent_as_they_are() -> None:
    async with Emulator() as server, TranslationTransport() as transport:
        await transport.connect(url=server.url)
        await transport.send_event({"type": "session.update", "session": SPANISH}).acknowledged()
        with pytest.raises(UnsupportedOperation, match="no server answers"):
            await transport.send_event({"type": "session.input_audio_buffer.append", "audio": "AAA="}).acknowledged()
        await transport.send_event({"type": "session.close"}).acknowledged()
        if transport.status == "connected":
            with pytest.raises(StateError, match="no more audio"):
                transport.send_audio(bytes(2))


@pytest.mark.parametrize("session", [RealtimeSessionConfig(), {"type": "transcription"}, {"audio": {"output": 5}}])
async def test_a_session_of_another_kind_is_refused_before_any_packet(session: Any) -> None:
    with pytest.raises(InvalidArgument, match="session"):
        await TranslationTransport().connect(url="ws://127.0.0.1:1", session=session)


async def test_it_dials_the_endpoint_and_names_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[ConnectRequest] = []

    async def opened(_: WebSocketTransport, request: ConnectRequest) -> None:
        requests.append(request)
        raise StateError("far enough")

    monkeypatch.setattr(WebSocketTransport, "_open", opened)
    for options in ({}, {"model": "mine"}, {"url": "ws://127.0.0.1:1/v1/realtime"}):
        with pytest.raises(StateError, match="far enough"):
            await create_transport("translation").connect(api_key="sk-1", **options)
    assert [(await request.dial()).url for request in requests] == [
        f"wss://api.openai.com/v1/realtime/translations?model={TRANSLATION_MODEL}",
        "wss://api.openai.com/v1/realtime/translations?model=mine",
        "ws://127.0.0.1:1/v1/realtime/translations",
    ]


# --- servers that end badly --------------------------------------------------------------------------------------


async def test_a_server_that_never_ends() -> None:
    async def handler(socket: ServerConnection) -> None:
        await socket.send(CREATED)
        await socket.wait_closed()

    async with serve(handler, "127.0.0.1", 0) as server, TranslationTransport() as transport:
        await transport.connect(url=f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/realtime")
        with pytest.raises(RequestTimeout, match=r"0\.05 s"):
            await transport.finish(timeout=0.05)
        assert transport.status == "connected"


async def test_a_server_that_goes_without_a_word() -> None:
    async def handler(socket: ServerConnection) -> None:
        await socket.send(CREATED)
        await socket.recv()

    async with serve(handler, "127.0.0.1", 0) as server, TranslationTransport() as transport:
        await transport.connect(url=f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/realtime")
        with pytest.raises(ConnectionLost):
            await transport.finish(timeout=10.0)


# --- transcription -----------------------------------------------------------------------------------------------


async def test_the_last_words_of_a_transcription() -> None:
    session = {
        "type": "transcription",
        "audio": {"input": {"transcription": {"model": "whisper-1"}, "turn_detection": None}},
    }
    async with Emulator() as server, WebSocketTransport() as transport:
        words: list[str] = []
        transport.on("input_transcript_done", lambda event: words.append(event.transcript))
        await transport.connect(url=server.url, session=session)
        with pytest.raises(UnsupportedOperation, match="no responses"):
            transport.request_response()
        for clip in ("caller_weather", "caller_city"):
            transport.send_audio(library().audio(clip))
            await transport.finish(timeout=10.0)
        assert words == [library().words("caller_weather"), library().words("caller_city")]
        assert transport.status == "connected"
