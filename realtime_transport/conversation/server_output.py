"""One response being written: items, parts and deltas, in the order of the live service.

    output_item.added, item.added, content_part.added, deltas, their .done, content_part.done, item.done,
    output_item.done

``conversation.item.done`` comes before ``response.output_item.done``. When a message is followed by a call, the call
opens while the message is still open, and the message closes first.
"""

from __future__ import annotations

from typing import Any, Literal, cast

import attrs

from realtime_transport.audio import AudioFormat
from realtime_transport.audio.convert import Converter
from realtime_transport.conversation.brain import CallMcp, CallTool, Say, Write
from realtime_transport.conversation.server_items import Entry, ItemChain, Speech
from realtime_transport.conversation.server_outbox import ServerOutbox
from realtime_transport.conversation.server_usage import (
    OUTPUT_AUDIO_TOKENS_PER_SECOND,
    Tokens,
    audio_tokens,
    text_tokens,
)
from realtime_transport.events.items import (
    AssistantMessageItem,
    FunctionCallItem,
    Item,
    McpApprovalRequestItem,
    McpCallItem,
    OutputAudioPart,
    OutputTextPart,
)
from realtime_transport.events.server_conversation import ConversationItemAdded, ConversationItemDone
from realtime_transport.events.server_response import (
    ResponseContentPartAdded,
    ResponseContentPartDone,
    ResponseFunctionCallArgumentsDelta,
    ResponseFunctionCallArgumentsDone,
    ResponseMcpCallArgumentsDelta,
    ResponseMcpCallArgumentsDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioDone,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputAudioTranscriptDone,
    ResponseOutputItemAdded,
    ResponseOutputItemDone,
    ResponseOutputTextDelta,
    ResponseOutputTextDone,
)

ARGUMENTS_DELTA = 12
"""Characters of a call's arguments in one delta: a few tokens, as a model writes them."""


@attrs.define(kw_only=True)
class _Message:
    """The message that is open."""

    item: AssistantMessageItem
    item_id: str
    output_index: int
    kind: Literal["audio", "text"]
    entry: Entry
    text: str = ""
    audio: bytearray = attrs.field(factory=bytearray)
    words: list[tuple[int, str]] = attrs.field(factory=list[tuple[int, str]])
    converter: Converter | None = None

    def part(self, *, in_item: bool) -> OutputAudioPart | OutputTextPart:
        """Its one part: called ``output_audio`` in items, and plainly ``audio`` in ``content_part`` events."""
        prefix = "output_" if in_item else ""
        if self.kind == "audio":
            return OutputAudioPart(type=f"{prefix}audio", transcript=self.text)
        return OutputTextPart(type=f"{prefix}text", text=self.text)


class ResponseOutput:
    """Writes the output of one response. With ``chain`` its items join the conversation."""

    def __init__(
        self,
        response_id: str,
        out: ServerOutbox,
        *,
        chain: ItemChain | None,
        modality: Literal["audio", "text"],
        audio_format: AudioFormat,
    ) -> None:
        self.response_id = response_id
        self.items: list[Item] = []
        """What is done, as ``response.done`` lists it."""
        self.mcp_calls: list[tuple[McpCallItem, int]] = []
        """What is to be run when the response is over, and its place in the output."""
        self.tokens: Tokens = Tokens()
        self.audio_ms: float = 0.0
        """How long its speech lasts."""
        self._out = out
        self._chain = chain
        self._modality = modality
        self._format = audio_format
        self._message: _Message | None = None
        self._opened = 0

    @property
    def so_far(self) -> Tokens:
        """What it costs by now: ``tokens``, and the sound of a message that is still open."""
        return self.tokens if self._message is None else self.tokens + self._sound(self._message)

    def _sound(self, message: _Message) -> Tokens:
        return Tokens(audio=audio_tokens(self._format.ms(len(message.audio)), OUTPUT_AUDIO_TOKENS_PER_SECOND))

    # --- what a brain says ---------------------------------------------------------------------------------------

    def say(self, speech: Say) -> None:
        """Speak on, in the message that is open or a new one; where the response is in text, write the words."""
        if self._modality == "text":
            self.write(Write(text=speech.transcript, phase=speech.phase))
            return
        message = self._message or self._open_message("audio", speech.phase or None)
        if message.converter is None:
            message.converter = Converter(speech.format, self._format)
        self._speak(message, speech.transcript, message.converter.push(speech.audio))

    def write(self, words: Write) -> None:
        """Write on; where the response is in audio, a transcript without sound."""
        if self._modality == "audio":
            self._speak(self._message or self._open_message("audio", words.phase or None), words.text, b"")
            return
        message = self._message or self._open_message("text", words.phase or None)
        if not words.text:
            return
        message.text += words.text
        self.tokens += Tokens(text=text_tokens(words.text))
        where = self._where(message.item_id, message.output_index)
        self._out.send(ResponseOutputTextDelta(**where, delta=words.text, **self._out.padding(words.text)))

    def call(self, call: CallTool) -> None:
        """Call a function; an open message is closed once the arguments are written."""
        index = self._next_index()
        item = FunctionCallItem(
            id=self._out.ids("item"),
            status="in_progress",
            call_id=call.call_id or self._out.ids("call"),
            name=call.name,
            arguments="",
        )
        where = self._where(str(item.id), index)
        entry = self._announce(item, index)
        for at in range(0, len(call.arguments), ARGUMENTS_DELTA):
            delta = call.arguments[at : at + ARGUMENTS_DELTA]
            padding = self._out.padding(delta)
            self._out.send(ResponseFunctionCallArgumentsDelta(**where, call_id=item.call_id, delta=delta, **padding))
        self.tokens += Tokens(text=text_tokens(call.name + call.arguments))
        self.close_message("completed")
        self._out.send(
            ResponseFunctionCallArgumentsDone(**where, call_id=item.call_id, name=call.name, arguments=call.arguments)
        )
        self._finish(entry, attrs.evolve(item, status="completed", arguments=call.arguments), index)

    def call_mcp(self, call: CallMcp, *, ask_first: bool) -> None:
        """Call an MCP tool once the response is over, or ask the client whether that may be."""
        index = self._next_index()
        named: dict[str, Any] = {"server_label": call.server_label, "name": call.name}
        request = McpApprovalRequestItem(id=self._out.ids("mcpr"), **named) if ask_first else None
        item = request or McpCallItem(id=self._out.ids("mcp"), output=None, error=None, **named)
        entry = self._announce(item, index)
        where = self._where(str(item.id), index)
        for at in range(0, len(call.arguments), ARGUMENTS_DELTA):
            delta = call.arguments[at : at + ARGUMENTS_DELTA]
            self._out.send(ResponseMcpCallArgumentsDelta(**where, delta=delta, **self._out.padding(delta)))
        self.tokens += Tokens(text=text_tokens(call.name + call.arguments))
        self.close_message("completed")
        self._out.send(ResponseMcpCallArgumentsDone(**where, arguments=call.arguments))
        if request is not None:
            self._finish(entry, attrs.evolve(request, arguments=call.arguments), index)
            return
        asked = attrs.evolve(item, arguments=call.arguments)
        self.items.append(asked)
        self.mcp_calls.append((cast("McpCallItem", asked), index))
        # The item of the conversation is done when the tool has run.
        self._out.send(ResponseOutputItemDone(response_id=self.response_id, output_index=index, item=asked))

    # --- messages ------------------------------------------------------------------------------------------------

    def _open_message(self, kind: Literal["audio", "text"], phase: str | None) -> _Message:
        item_id, index = self._out.ids("item"), self._next_index()
        item = AssistantMessageItem(id=item_id, status="in_progress", content=())
        if phase:
            item = attrs.evolve(item, phase=phase)
        entry = self._announce(item, index)
        message = self._message = _Message(item=item, item_id=item_id, output_index=index, kind=kind, entry=entry)
        self._out.send(ResponseContentPartAdded(**self._where(item_id, index), part=message.part(in_item=False)))
        return message

    def _speak(self, message: _Message, words: str, audio: bytes) -> None:
        where = self._where(message.item_id, message.output_index)
        if words:
            message.text += words
            self.tokens += Tokens(text=text_tokens(words))
            padding = self._out.padding(words)
            self._out.send(ResponseOutputAudioTranscriptDelta(**where, delta=words, **padding))
        if audio:
            message.audio += audio
            ms = self._format.ms(len(audio))
            self.audio_ms += ms
            self._out.send(ResponseOutputAudioDelta(**where, delta=audio))
        if words or audio:
            message.words.append((len(message.audio), words))

    def close_message(self, status: Literal["completed", "incomplete"]) -> None:
        """Say ``.done`` of everything that is open: what was sent so far is all there is."""
        message, self._message = self._message, None
        if message is None:
            return
        if message.converter is not None and status == "completed":
            self._speak(message, "", message.converter.flush())
        where = self._where(message.item_id, message.output_index)
        if message.kind == "audio":
            self.tokens += self._sound(message)
            self._out.send(ResponseOutputAudioDone(**where))
            self._out.send(ResponseOutputAudioTranscriptDone(**where, transcript=message.text))
        else:
            self._out.send(ResponseOutputTextDone(**where, text=message.text))
        self._out.send(ResponseContentPartDone(**where, part=message.part(in_item=False)))
        item = attrs.evolve(message.item, status=status, content=(message.part(in_item=True),))
        self._finish(message.entry, item, message.output_index, self._speech(message))

    def _speech(self, message: _Message) -> Speech | None:
        if message.kind == "text":
            return None
        return Speech(audio=bytes(message.audio), format=self._format, words=tuple(message.words))

    # --- items ---------------------------------------------------------------------------------------------------

    def _where(self, item_id: str, index: int) -> dict[str, Any]:
        """The fields that every event of an item has."""
        return {"response_id": self.response_id, "item_id": item_id, "output_index": index}

    def _next_index(self) -> int:
        self._opened += 1
        return self._opened - 1

    def _announce(self, item: Item, index: int) -> Entry:
        entry = Entry(item)
        self._out.send(ResponseOutputItemAdded(response_id=self.response_id, output_index=index, item=item))
        if self._chain is not None:
            item_id, previous = str(item.id), self._chain.last
            self._chain.insert(item_id, entry, previous)
            self._out.send(ConversationItemAdded(previous_item_id=previous, item=item))
        return entry

    def _finish(self, entry: Entry, item: Item, index: int, speech: Speech | None = None) -> None:
        item_id, chain = str(item.id), self._chain
        self.items.append(item)
        # A client may delete what is being written, and may give the id to an item of its own.
        if chain is not None and chain.get(item_id) is entry:
            entry.item = item
            if speech is not None:
                chain.hear(item_id, 0, speech)
            self._out.send(ConversationItemDone(previous_item_id=_previous_shown(chain, item_id), item=item))
        self._out.send(ResponseOutputItemDone(response_id=self.response_id, output_index=index, item=item))


def _previous_shown(chain: ItemChain, item_id: str) -> str | None:
    """Say where a generated item stands the way the live service does in ``done``.

    It forgets a predecessor that is the first item of the conversation (seen in every capture); ``added`` is right.
    """
    previous = chain.previous(item_id)
    is_second = previous is not None and chain.previous(previous) is None
    return None if is_second else previous
