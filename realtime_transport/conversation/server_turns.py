"""The caller's turns: what appended audio, a commit and a silence lead to.

    speech_started (a running response is cancelled), speech_stopped, committed, item.added, item.done, response.created

The words of the caller follow at their own pace.
"""

from __future__ import annotations

from typing import Final, cast

import attrs

from realtime_transport.audio import PCM16_24K
from realtime_transport.audio.vad import FRAME_MS
from realtime_transport.conversation.brain import Transcriber
from realtime_transport.conversation.server_audio import InputAudio, TurnEvent, TurnStarted
from realtime_transport.conversation.server_items import Entry, ItemChain, Speech
from realtime_transport.conversation.server_outbox import ServerOutbox
from realtime_transport.conversation.server_responses import ServerResponses
from realtime_transport.conversation.server_session import ServerSession
from realtime_transport.conversation.server_transcription import Transcription, Transcriptions, is_early
from realtime_transport.conversation.session_views import turn_detection
from realtime_transport.events.audio_config import AudioConfig, InputTranscription, SemanticVad, ServerVad
from realtime_transport.events.client import InputAudioBufferAppend, InputAudioBufferClear, InputAudioBufferCommit
from realtime_transport.events.items import InputAudioPart, InputTextPart, Item, SystemMessageItem, UserMessageItem
from realtime_transport.events.response import ResponseOptions
from realtime_transport.events.server import (
    InputAudioBufferCleared,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    InputAudioBufferTimeoutTriggered,
)
from realtime_transport.events.server_conversation import ConversationItemAdded, ConversationItemDone
from realtime_transport.events.session import RealtimeSessionConfig
from realtime_transport.exceptions import ServerError

LOGPROBS: Final = "item.input_audio_transcription.logprobs"
"""What a session includes that wants to know how certain the words are."""

IDLE_NOTE: Final = (
    "No user speech was detected for a while. Check in with the user briefly, or continue if there is more to say."
)
"""The system message that the server puts before a turn nobody spoke."""


class CallerTurns:
    """Turns the caller's audio into items, and items into responses."""

    def __init__(
        self,
        out: ServerOutbox,
        session: ServerSession,
        chain: ItemChain,
        responses: ServerResponses,
        transcriber: Transcriber,
        *,
        input_buffer_seconds: float,
        transcription_delay: float,
    ) -> None:
        self._out = out
        self._session = session
        self._chain = chain
        self._responses = responses
        self._transcriber = transcriber
        self._transcriptions = Transcriptions(out, delay=transcription_delay)
        self._input = InputAudio(out.ids, transcriber, max_seconds=input_buffer_seconds)
        self._input.configure(session.config)
        self._turn_waits = False
        """A turn ended while a response was running that speech does not interrupt: it is answered next."""
        self._idle_at: float | None = None

    @property
    def announced(self) -> str:
        """The id that the caller's running turn will have; empty when nobody speaks."""
        return self._input.announced

    # --- what the client does ------------------------------------------------------------------------------------

    def configure(self) -> None:
        """Follow an update of the session."""
        self._input.configure(self._session.config)
        if self._idle_seconds() is None:
            self._idle_at = None

    def append(self, event: InputAudioBufferAppend, now: float) -> None:
        """Hear more of the caller."""
        for turn in self._input.append(event.audio):
            self._turn(turn, now)

    def commit(self, _: InputAudioBufferCommit, now: float) -> None:
        """Make an item of what is in the buffer; no response follows by itself."""
        item_id, audio = self._input.commit()
        self._commit(item_id, audio, self._understand(item_id, audio, now))

    def clear(self, _: InputAudioBufferClear, now: float) -> None:
        """Throw the buffer away."""
        del now
        self._input.clear()
        self._out.send(InputAudioBufferCleared())

    # --- what turn detection says --------------------------------------------------------------------------------

    def _turn(self, turn: TurnEvent, now: float) -> None:
        # Nobody else reports turns: it is one of the two, or there is no detector.
        detection = cast("ServerVad | SemanticVad", turn_detection(self._session.config))
        if isinstance(turn, TurnStarted):
            self._idle_at = None
            self._out.send(InputAudioBufferSpeechStarted(item_id=turn.item_id, audio_start_ms=turn.audio_start_ms))
            if self._responses.active is not None and detection.interrupt_response is not False:
                self._responses.stop(self._responses.active, "turn_detected", now)
            return
        heard = self._understand(turn.item_id, turn.audio, now)
        if self._transcription() is not None and is_early(heard.model) and not heard.failure:
            self._transcriptions.tell_words(heard)
            heard = attrs.evolve(heard, told=True)
        self._out.send(InputAudioBufferSpeechStopped(item_id=turn.item_id, audio_end_ms=turn.audio_end_ms))
        self._commit(turn.item_id, turn.audio, heard)
        if detection.create_response is not False:
            self._answer(now)

    def _answer(self, now: float) -> None:
        if not self._has_responses():
            return
        if self._responses.active is not None:
            self._turn_waits = True
            return
        self._turn_waits = False
        try:
            self._responses.create(ResponseOptions(), now)
        except ServerError as error:  # no event of the client asked for it, so none is named
            self._out.refuse(error)

    def _commit(self, item_id: str, audio: bytes, heard: Transcription) -> None:
        item = UserMessageItem(id=item_id, status="completed", content=(InputAudioPart(transcript=None),))
        previous = self._chain.last
        self._out.send(InputAudioBufferCommitted(previous_item_id=previous, item_id=item_id))
        self._add(item, Entry(item, speech={0: Speech(audio=audio, format=PCM16_24K)}, words=heard.words))
        if self._transcription() is not None:
            self._transcriptions.begin(heard)

    def _understand(self, item_id: str, audio: bytes, now: float) -> Transcription:
        """Find the words, and why there are none when transcribing failed."""
        words, failure = "", ""
        try:
            words = self._transcriber.transcribe(audio)
        except ServerError as error:
            failure = error.code or "transcription_failed"
        transcription = self._transcription()
        return Transcription(
            item_id=item_id,
            model=transcription.model or "" if transcription is not None else "",
            words=words,
            ms=PCM16_24K.ms(len(audio)),
            due=now,
            failure=failure,
            with_logprobs=LOGPROBS in (self._session.config.include or ()),
        )

    def _add(self, item: Item, entry: Entry) -> None:
        previous = self._chain.last
        self._chain.insert(str(item.id), entry, previous)
        self._out.send(ConversationItemAdded(previous_item_id=previous, item=item))
        self._out.send(ConversationItemDone(previous_item_id=previous, item=item))

    # --- clocks --------------------------------------------------------------------------------------------------

    @property
    def deadline(self) -> float | None:
        """When something is due here."""
        return min((at for at in (self._idle_at, self._transcriptions.deadline) if at is not None), default=None)

    def wake(self, now: float) -> None:
        """Do what is due."""
        for transcription in self._transcriptions.wake(now):
            self._chain.transcribed(transcription.item_id, transcription.words)
        if self._idle_at is not None and self._idle_at <= now:
            self._idle_at = None
            self._speak_up(now)

    def settle(self, now: float) -> None:
        """Follow up on a response that has ended: answer the turn that waited, wait for the next one."""
        ended, self._responses.last_ended = self._responses.last_ended, None
        if ended is None:
            return
        if self._turn_waits:
            self._answer(now)
            return
        idle = self._idle_seconds()
        if idle is not None and not self._input.speaking:
            began = ended.first_audio if ended.first_audio is not None else now
            self._idle_at = max(now, began + ended.output.audio_ms / 1000) + idle

    def _speak_up(self, now: float) -> None:
        """Nobody spoke for long: commit the silence and answer it."""
        idle = self._idle_seconds()
        if idle is None or self._responses.active is not None:
            return
        end = self._input.position_ms // FRAME_MS * FRAME_MS
        begin = max(0, end - int(idle * 1000) // FRAME_MS * FRAME_MS)
        item_id, silence = self._out.ids("item"), self._input.take_silence(begin, end)
        self._out.send(InputAudioBufferTimeoutTriggered(audio_start_ms=begin, audio_end_ms=end, item_id=item_id))
        note = SystemMessageItem(id=self._out.ids("item"), status="completed", content=(InputTextPart(text=IDLE_NOTE),))
        self._add(note, Entry(note))
        self._commit(item_id, silence, self._understand(item_id, silence, now))
        self._answer(now)

    # --- the session ---------------------------------------------------------------------------------------------

    def _idle_seconds(self) -> float | None:
        detection = turn_detection(self._session.config)
        if not isinstance(detection, ServerVad) or not detection.idle_timeout_ms:
            return None
        return detection.idle_timeout_ms / 1000

    def _transcription(self) -> InputTranscription | None:
        inputs = (self._session.config.audio or AudioConfig()).input
        return inputs.transcription or None if inputs else None

    def _has_responses(self) -> bool:
        return isinstance(self._session.config, RealtimeSessionConfig)
