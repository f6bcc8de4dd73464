"""The client role of a translation session: speech in, the same in another language out, without turns.

Everything that a conversation is made of (connection, requests, deadlines, the session's wishes) is
``ClientConversation``'s; this file has the other vocabulary. There are no responses and no items, so the events that
listeners hear carry empty texts for ``response_id`` and ``item_id`` and 0 for ``content_index``: one endless turn.
Where in the session a piece belongs (``elapsed_ms``) is on the wire events, under ``*`` and ``on_server_event``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

import attrs

from realtime_transport.audio import PCM16_24K
from realtime_transport.audio.framing import SampleAligner
from realtime_transport.capabilities import Capabilities
from realtime_transport.conversation import intents
from realtime_transport.conversation.client import ClientConversation
from realtime_transport.conversation.core import Core, Limits
from realtime_transport.conversation.intents import as_bytes
from realtime_transport.conversation.normalize import unknown
from realtime_transport.conversation.normalize_errors import error_frame
from realtime_transport.conversation.normalize_session import session_created, session_updated
from realtime_transport.conversation.requests import Request
from realtime_transport.conversation.session_shape import translation_session_from
from realtime_transport.events.client import (
    ClientEvent,
    ConversationItemCreate,
    ConversationItemDelete,
    ConversationItemRetrieve,
    ConversationItemTruncate,
    InputAudioBufferAppend,
    InputAudioBufferClear,
    InputAudioBufferCommit,
    OutputAudioBufferClear,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
)
from realtime_transport.events.server import ErrorFrame, UnknownServerEvent
from realtime_transport.events.session import AnySession
from realtime_transport.events.translation import (
    TranslationInputAudioBufferAppend,
    TranslationInputTranscriptDelta,
    TranslationOutputAudioDelta,
    TranslationOutputTranscriptDelta,
    TranslationSessionClose,
    TranslationSessionClosed,
    TranslationSessionCreated,
    TranslationSessionUpdate,
    TranslationSessionUpdated,
)
from realtime_transport.events.transport import (
    AudioEvent,
    AudioGapEvent,
    InputTranscriptDeltaEvent,
    TranscriptDeltaEvent,
)
from realtime_transport.events.usage import Usage
from realtime_transport.exceptions import StateError, UnsupportedOperation

_NO_BUFFER: Final = "a translation takes audio as it comes and gives none back: send_audio() is all there is"
_NO_ITEMS: Final = "a translation has no items: it hears what you send_audio()"
_NO_RESPONSES: Final = "a translation has no responses: it speaks by itself while you send_audio()"

_REFUSED: Final[Mapping[str, str]] = {
    SessionUpdate.type: "a translation is changed with update_session(), or with a TranslationSessionUpdate",
    InputAudioBufferAppend.type: "audio of a translation goes out with send_audio()",
    InputAudioBufferCommit.type: _NO_BUFFER,
    InputAudioBufferClear.type: _NO_BUFFER,
    OutputAudioBufferClear.type: "a translation is not interrupted: stop playing it, or finish()",
    ConversationItemCreate.type: _NO_ITEMS,
    ConversationItemDelete.type: _NO_ITEMS,
    ConversationItemRetrieve.type: _NO_ITEMS,
    ConversationItemTruncate.type: _NO_ITEMS,
    ResponseCreate.type: _NO_RESPONSES,
    ResponseCancel.type: _NO_RESPONSES,
}
"""What a conversation can be told and a translation cannot, and what to do instead."""


def translation_capabilities(capabilities: Capabilities) -> Capabilities:
    """Take away what no translation has, whatever else the server can do."""
    return attrs.evolve(
        capabilities,
        can_delete_items=False,
        can_truncate=False,
        manual_commit_under_vad=False,
        out_of_band_responses=False,
        reports_usage=False,
    )


@attrs.define
class _Epoch:
    """What is new with each connection."""

    samples: SampleAligner = attrs.field(factory=lambda: SampleAligner(PCM16_24K))
    is_ending: bool = False
    """``session.close`` was sent: no audio may follow it."""
    is_over: bool = False
    """``session.closed`` has come."""


class TranslationConversation(ClientConversation):
    """Hold one client's side of translation sessions; driven like a ``ClientConversation``.

    Everything about turns, items and responses raises ``UnsupportedOperation``.
    """

    def __init__(
        self,
        *,
        capabilities: Capabilities = translation_capabilities(Capabilities()),  # noqa: B008  # frozen: shared safely
        ids: Callable[[str], str],
        limits: Limits = Limits(),  # noqa: B008  # frozen: shared safely
    ) -> None:
        super().__init__(capabilities=capabilities, ids=ids, limits=limits)
        self._epoch = _Epoch()
        self._normalize = {
            ErrorFrame: error_frame,
            TranslationSessionCreated: session_created,
            TranslationSessionUpdated: session_updated,
            TranslationInputTranscriptDelta: _input_transcript_delta,
            TranslationOutputTranscriptDelta: _transcript_delta,
            TranslationOutputAudioDelta: self._audio_delta,
            TranslationSessionClosed: self._closed,
            UnknownServerEvent: unknown,
        }
        self._send = {
            TranslationSessionUpdate: intents.update_session,
            TranslationInputAudioBufferAppend: self._append,
            TranslationSessionClose: self._close,
        }

    def opened(self, now: float, *, spent: Usage | None = None) -> None:
        """Begin an epoch; see ``ClientConversation.opened``."""
        super().opened(now, spent=spent)
        self._epoch = _Epoch()

    # --- intents -----------------------------------------------------------------------------------------------------

    def send_event(self, event: ClientEvent, now: float) -> str:
        """Send an event of the family, or one that nobody here knows; one of a conversation's is refused."""
        if type(event) not in self._send and event.type in _REFUSED:
            raise UnsupportedOperation(_REFUSED[event.type])
        return super().send_event(event, now)

    def is_settled(self, event: ClientEvent) -> bool:
        """Tell whether ``send_event`` settles an event: all that is known but audio."""
        return type(event) in self._send and type(event) is not TranslationInputAudioBufferAppend

    def update_session(
        self, changes: Mapping[str, Any] | AnySession, now: float, *, event_id: str | None = None
    ) -> str:
        """Change language, transcription or noise reduction, at any time; only what differs is sent."""
        session = translation_session_from(changes)
        return self.send_event(TranslationSessionUpdate(event_id=event_id, session=session), now)

    def append_audio(self, data: bytes | bytearray | memoryview, now: float, *, event_id: str | None = None) -> str:
        """Send speech, or the silence between it: PCM16 at 24 kHz, whole samples, any length. Never settled.

        Raises StateError once the session is being finished.
        """
        return self.send_event(TranslationInputAudioBufferAppend(event_id=event_id, audio=as_bytes(data)), now)

    def finish(self, now: float, *, timeout: float, event_id: str | None = None) -> str:
        """Ask for the end; settled by ``session.closed``, which follows everything that was still to be said.

        Asking again waits for the same end.
        """
        event_id = self._event_id(event_id)
        self._ask_for_the_end(TranslationSessionClose(event_id=event_id), now, timeout)
        return event_id

    def request_response(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: a translation speaks by itself."""
        raise UnsupportedOperation(_NO_RESPONSES)

    def function_call_output(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: there are no tools."""
        raise UnsupportedOperation(_NO_ITEMS)

    def reset_history(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: nothing is remembered."""
        raise UnsupportedOperation(_NO_ITEMS)

    def interrupt(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: there is no response to cancel and no item to cut."""
        raise UnsupportedOperation(_REFUSED[OutputAudioBufferClear.type])

    def _append(self, core: Core, event: TranslationInputAudioBufferAppend, now: float) -> None:
        if self._epoch.is_ending:
            raise StateError("the translation is being finished: it takes no more audio")
        intents.append_audio(core, event, now)

    def _close(self, core: Core, event: TranslationSessionClose, now: float) -> None:
        self._ask_for_the_end(event, now, core.limits.request_timeout)

    def _ask_for_the_end(self, event: TranslationSessionClose, now: float, timeout: float) -> None:
        core, event_id = self._core, str(event.event_id)
        if self._epoch.is_over:
            core.requests.settled(event_id)
            return
        core.requests.open(Request(event_id=event_id, kind="close", key="", patience=timeout), now + timeout)
        if not self._epoch.is_ending:
            core.outbox.frames.append(event)
        self._epoch.is_ending = True

    # --- from the server ---------------------------------------------------------------------------------------------

    def _audio_delta(self, core: Core, event: TranslationOutputAudioDelta, now: float) -> None:
        """Pass whole samples on; half a sample waits for its other half."""
        data = self._epoch.samples.push(event.delta)
        if data:
            core.emit(AudioEvent(data=data, response_id="", item_id="", content_index=0))

    def _closed(self, core: Core, event: TranslationSessionClosed, now: float) -> None:
        """Settle whoever waits for the end; it may also come unasked."""
        self._epoch.is_ending = self._epoch.is_over = True
        if self._epoch.samples.held:
            gap = PCM16_24K.ms(self._epoch.samples.held)
            core.emit(AudioGapEvent(direction="in", ms=gap, reason="the audio ended in the middle of a sample"))
        while core.requests.acknowledge("close", result=event) is not None:
            pass


def _input_transcript_delta(core: Core, event: TranslationInputTranscriptDelta, now: float) -> None:
    """Pass the speaker's words on."""
    core.emit(InputTranscriptDeltaEvent(item_id="", content_index=0, delta=event.delta))


def _transcript_delta(core: Core, event: TranslationOutputTranscriptDelta, now: float) -> None:
    """Pass the translation's words on."""
    core.emit(TranscriptDeltaEvent(delta=event.delta, response_id="", item_id="", content_index=0))
