"""Responses as the server runs them: one of the conversation at a time, and any number (bounded) outside it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal, cast

import attrs

from realtime_transport.conversation.brain import (
    CallMcp,
    CallTool,
    GenerationRequest,
    HangUp,
    Heard,
    Output,
    Pace,
    Pause,
    Say,
    Stop,
    Transcriber,
    Write,
)
from realtime_transport.conversation.server_checks import check_rates
from realtime_transport.conversation.server_errors import refusal
from realtime_transport.conversation.server_items import Entry, ItemChain, entry_of
from realtime_transport.conversation.server_mcp import ServerMcp
from realtime_transport.conversation.server_outbox import ServerOutbox
from realtime_transport.conversation.server_output import ResponseOutput
from realtime_transport.conversation.server_session import ServerSession
from realtime_transport.conversation.server_usage import (
    NOTHING_READ,
    Meter,
    RateLimiter,
    Tokens,
    entry_tokens,
    usage_of,
)
from realtime_transport.conversation.session_config import merge
from realtime_transport.conversation.session_views import input_format, session_output_format
from realtime_transport.events.audio_config import AudioConfig, AudioOutputConfig
from realtime_transport.events.base import UNSET
from realtime_transport.events.items import ItemReference, UserMessageItem
from realtime_transport.events.response import Response, ResponseError, ResponseOptions, ResponseStatusDetails
from realtime_transport.events.server import RateLimitsUpdated
from realtime_transport.events.server_response import ResponseCreated, ResponseDone
from realtime_transport.events.session import RealtimeSessionConfig
from realtime_transport.events.usage import InputTokenDetails

TOKENS_PER_MINUTE: Final = 40_000
"""What a small account has; reported unless the server was told another number."""

MAX_OUT_OF_BAND: Final = 16
"""Responses outside the conversation that may run at a time: more than any client has a use for."""

_OVERRIDES: Final = (
    "instructions",
    "output_modalities",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "max_output_tokens",
    "reasoning",
    "prompt",
)
"""Fields that ``response.create`` and the session share."""

RateLimitsWhen = Literal["after", "created", "never"]


@attrs.define(kw_only=True)
class LiveResponse:
    """One response that is running."""

    id: str
    settings: RealtimeSessionConfig
    """The session with this response's overrides laid over it."""
    options: ResponseOptions
    output: ResponseOutput
    conversation_id: str | None
    """None for one outside the conversation."""
    read: InputTokenDetails = NOTHING_READ
    first_audio: float | None = None
    """When its speech began to be sent."""

    def shown(self, **state: Any) -> Response:
        """Describe it the way ``response.created`` and ``response.done`` do."""
        output = (self.settings.audio or AudioConfig()).output or AudioOutputConfig()
        return Response(
            object="realtime.response",
            id=self.id,
            conversation_id=self.conversation_id,
            output_modalities=self.settings.output_modalities,
            max_output_tokens=self.settings.max_output_tokens,
            audio=AudioConfig(output=AudioOutputConfig(format=output.format, voice=output.voice)),
            metadata=self.options.metadata or None,
            **state,
        )


class ServerResponses:
    """Begins, writes and ends responses."""

    def __init__(
        self,
        out: ServerOutbox,
        session: ServerSession,
        chain: ItemChain,
        mcp: ServerMcp,
        transcriber: Transcriber,
        *,
        context_tokens: int,
        tokens_per_minute: int | None,
        rate_limits: RateLimitsWhen,
    ) -> None:
        self.active: LiveResponse | None = None
        """The response of the conversation that is running."""
        self.last_ended: LiveResponse | None = None
        """The response of the conversation that has ended since somebody looked."""
        self.requests: list[GenerationRequest] = []
        """Responses that nobody answers yet; drained by the driver after every call."""
        self._out = out
        self._session = session
        self._chain = chain
        self._mcp = mcp
        self._transcriber = transcriber
        self._conversation_id = out.ids("conv")
        self._context_tokens = context_tokens
        self._rate_limits: RateLimitsWhen = rate_limits
        self._running: dict[str, LiveResponse] = {}
        self._meter = Meter()
        self._limiter = RateLimiter(limit=tokens_per_minute or TOKENS_PER_MINUTE)
        self._refuses = tokens_per_minute is not None
        self._turns = 0

    def get(self, response_id: str) -> LiveResponse | None:
        """Look up a response that is running."""
        return self._running.get(response_id)

    # --- beginning -----------------------------------------------------------------------------------------------

    def create(self, options: ResponseOptions, now: float) -> None:
        """Begin a response and ask for its words. Raises the ServerError to be sent when it may not begin."""
        inside = options.conversation != "none"
        if inside and self.active is not None:
            raise refusal("response_active", response_id=self.active.id)
        if not inside and len(self._running) - (self.active is not None) >= MAX_OUT_OF_BAND:
            raise refusal("too_many_responses", limit=MAX_OUT_OF_BAND)
        settings = self._settings(options)
        context = self._fitting(self._context(options), settings)
        modality: Literal["audio", "text"] = "text" if settings.output_modalities == ("text",) else "audio"
        response_id = self._out.ids("resp")
        response = LiveResponse(
            id=response_id,
            settings=settings,
            options=options,
            conversation_id=self._conversation_id if inside else None,
            output=ResponseOutput(
                response_id,
                self._out,
                chain=self._chain if inside else None,
                modality=modality,
                audio_format=session_output_format(settings),
            ),
            read=(self._meter if inside else Meter()).read(settings.instructions or "", repr(settings.tools), context),
        )
        self._running[response_id] = response
        if inside:
            self.active = response
            self._turns += 1
        self._out.send(
            ResponseCreated(response=response.shown(status="in_progress", status_details=None, output=(), usage=None))
        )
        if self._rate_limits == "created":
            self._send_rate_limits(0, now)
        wait = self._limiter.wait(now) if self._refuses else 0.0
        if wait:
            self._end(response, now, "failed", _over_the_limit(self._limiter.limit, wait))
            return
        self.requests.append(
            GenerationRequest(
                response_id=response_id,
                turn=self._turns if inside else 0,
                modality=modality,
                session=settings,
                options=options,
                items=tuple(entry.item for _, entry in context),
                heard=tuple(heard for item_id, entry in context for heard in _heard(item_id, entry)),
            )
        )

    def _settings(self, options: ResponseOptions) -> RealtimeSessionConfig:
        asked = {name: getattr(options, name) for name in _OVERRIDES}
        overrides = {name: value for name, value in asked.items() if value is not UNSET and value is not None}
        check_rates(options.audio, "response.audio", self._session.pcm_rates)
        if isinstance(options.audio, AudioConfig):
            overrides["audio"] = AudioConfig(output=options.audio.output)
        return merge(self._session.realtime, RealtimeSessionConfig(**overrides))

    def _context(self, options: ResponseOptions) -> list[tuple[str, Entry]]:
        """What the model reads: the conversation, or what the request brings instead of it."""
        if options.input is UNSET or options.input is None:
            return [(str(entry.item.id), entry) for entry in self._chain]
        found: list[tuple[str, Entry]] = []
        for index, item in enumerate(options.input):
            if isinstance(item, ItemReference):
                entry = self._chain.get(item.id)
                if entry is None:
                    raise refusal("no_referenced_item", param=f"response.input[{index}].id", item_id=item.id)
                found.append((item.id, entry))
            else:
                entry = entry_of(item, input_format(self._session.config), self._transcriber)
                found.append((str(item.id or f"input {index}"), entry))
        return found

    def _fitting(self, context: list[tuple[str, Entry]], settings: RealtimeSessionConfig) -> list[tuple[str, Entry]]:
        """Leave the oldest items out until the rest fits the window; refuse where truncation is disabled."""
        costs = [entry_tokens(entry).total for _, entry in context]
        over, dropped = sum(costs) - self._context_tokens, 0
        if over > 0 and settings.truncation == "disabled":
            raise refusal("conversation_too_long")
        while over > 0:
            over -= costs[dropped]
            dropped += 1
        return context[dropped:]

    # --- writing -------------------------------------------------------------------------------------------------

    def produce(self, response_id: str, output: Output, now: float) -> None:
        """Write one output. A response that is over takes no more: what still comes of it is dropped."""
        response = self._running.get(response_id)
        if response is None:
            return
        if isinstance(output, Stop):
            self._end(response, now, output.status, _stop_details(output))
            return
        if isinstance(output, Say):
            if response.first_audio is None and output.audio:
                response.first_audio = now
            self._session.voice_is_fixed = self._session.voice_is_fixed or bool(output.audio)
            response.output.say(output)
        elif isinstance(output, CallTool):
            response.output.call(output)
        elif isinstance(output, CallMcp):
            ask_first = self._mcp.needs_approval(output.server_label, output.name)
            response.output.call_mcp(output, ask_first=ask_first)
        elif not isinstance(output, Pause | Pace | HangUp):
            response.output.write(Write(text=output.text, phase=output.phase))
        most = response.settings.max_output_tokens
        if isinstance(most, int) and response.output.so_far.total > most:
            details = ResponseStatusDetails(type="incomplete", reason="max_output_tokens")
            self._end(response, now, "incomplete", details)

    # --- ending --------------------------------------------------------------------------------------------------

    def finish(self, response_id: str, now: float) -> None:
        """End a response well. One that is over stays as it is."""
        response = self._running.get(response_id)
        if response is not None:
            self._end(response, now, "completed", None)

    def cancel(self, response_id: str | None, now: float) -> None:
        """Cancel on behalf of the client. Raises the ServerError to be sent when there is nothing to cancel.

        Without an id only the response of the conversation is looked at: one outside it goes on.
        """
        response = self.active if response_id is None else self._running.get(response_id)
        if response is None:
            raise refusal("cancel_idle")
        self.stop(response, "client_cancelled", now)

    def stop(self, response: LiveResponse, reason: Literal["client_cancelled", "turn_detected"], now: float) -> None:
        """End a response early: what was opened is closed as it stands."""
        self._end(response, now, "cancelled", ResponseStatusDetails(type="cancelled", reason=reason))

    def _end(
        self,
        response: LiveResponse,
        now: float,
        status: Literal["completed", "cancelled", "failed", "incomplete"],
        details: ResponseStatusDetails | None,
    ) -> None:
        output = response.output
        output.close_message("completed" if status == "completed" else "incomplete")
        del self._running[response.id]
        if self.active is response:
            self.active, self.last_ended = None, response
        said_nothing = status in {"cancelled", "failed"} and not output.items
        usage = usage_of(NOTHING_READ, Tokens()) if said_nothing else usage_of(response.read, output.tokens)
        self._out.send(
            ResponseDone(
                response=response.shown(status=status, status_details=details, output=tuple(output.items), usage=usage)
            )
        )
        if self._rate_limits == "after" and not said_nothing:
            self._send_rate_limits(cast("int", usage.total_tokens), now)
        for call, index in output.mcp_calls:
            self._mcp.run(call, index)

    def _send_rate_limits(self, tokens: int, now: float) -> None:
        self._out.send(RateLimitsUpdated(rate_limits=self._limiter.spend(tokens, now)))


def _heard(item_id: str, entry: Entry) -> Iterable[Heard]:
    """What the caller says aloud in an item."""
    if isinstance(entry.item, UserMessageItem):
        for speech in entry.speech.values():
            yield Heard(item_id=item_id, audio=speech.audio, words=entry.words)


def _over_the_limit(limit: int, wait: float) -> ResponseStatusDetails:
    message = f"Rate limit reached for this model: {limit} tokens per minute. Please try again in {wait:.3f}s."
    error = ResponseError(type="tokens", code="rate_limit_exceeded", message=message)
    return ResponseStatusDetails(type="failed", error=error)


def _stop_details(stop: Stop) -> ResponseStatusDetails:
    if stop.status == "incomplete":
        return ResponseStatusDetails(type="incomplete", reason=stop.reason)
    error = ResponseError(type=stop.error_type, code=stop.code, message=stop.message)
    return ResponseStatusDetails(type="failed", error=error)
