"""Speech in one language in, speech in another out: the translation endpoint over a WebSocket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import attrs

from realtime_transport.capabilities import Capabilities
from realtime_transport.conversation.session_shape import translation_session_from
from realtime_transport.conversation.translation import TranslationConversation, translation_capabilities
from realtime_transport.dialects import OPENAI
from realtime_transport.events.session import AnySession
from realtime_transport.exceptions import UnsupportedOperation
from realtime_transport.transports.receipts import SendReceipt
from realtime_transport.transports.request import ConnectRequest
from realtime_transport.transports.websocket import WebSocketTransport
from realtime_transport.wire.codec import Family

TRANSLATION_MODEL: Final = "gpt-realtime-translate"
"""What translates at OpenAI's own address when nobody says which model should."""


class TranslationTransport(WebSocketTransport):
    """Interpret continuously: ``connect(session={"audio": {"output": {"language": "es"}}})``, then ``send_audio``.

    Both ways PCM16 at 24 kHz. There are no turns, items or responses: the verbs for them raise
    ``UnsupportedOperation``, and ``audio``, ``transcript_delta`` and ``input_transcript_delta`` come with empty ids
    (the wire events, under ``on("*")``, say when: ``elapsed_ms``). The speaker's own words come only with
    ``audio.input.transcription``. The translation runs on the clock of the input, so keep sending in pauses;
    while muted, silence is sent in place of what is given.

    ``finish()`` ends a session without losing its last words; ``close()`` cuts them off.
    """

    _family: ClassVar[Family] = "translation"

    def _read_session(self, session: AnySession | Mapping[str, Any]) -> AnySession:
        return translation_session_from(session)

    def _new_conversation(self) -> TranslationConversation:
        return TranslationConversation(capabilities=self._capabilities, ids=self._ids, limits=self._limits)

    def _capabilities_for(self, request: ConnectRequest) -> Capabilities:
        return translation_capabilities(super()._capabilities_for(request))

    async def _open(self, request: ConnectRequest) -> None:
        own_address = request.url is None and request.dialect is OPENAI
        model = request.model or (TRANSLATION_MODEL if own_address else None)
        await super()._open(attrs.evolve(request, intent="translation", model=model))

    def send_audio(self, audio: bytes, *, commit: bool = False, event_id: str | None = None) -> SendReceipt:
        """Send speech, or the silence between it: PCM16 at 24 kHz, whole samples, any length.

        Await the receipt when sending faster than real time. Raises ``StateError`` once ``finish()`` was called.
        """
        now = self._now()
        if commit:
            raise UnsupportedOperation("a translation takes audio as it comes: there is nothing to commit, finish() it")
        heard = bytes(len(audio)) if self._muted else audio
        return self._receipt(self._conversation.append_audio(heard, now, event_id=event_id), answered=False)
