"""Every error a server answers with, in one table.

Parts of the server role raise the ``ServerError`` that ``refusal`` makes; ``ServerConversation.receive`` turns it into
the ``error`` frame. Codes and messages are as observed on the live service where that is known; where two texts were
seen the more common one stands here. Clients match on the code, so a correction is one line.
"""

from __future__ import annotations

from typing import Final

import attrs

from realtime_transport.events.server import ErrorDetail
from realtime_transport.exceptions import AudioDecodeError, DecodeError, ServerError


@attrs.frozen
class ErrorRow:
    """One way to be refused."""

    code: str | None
    message: str
    """A template: ``refusal`` fills in what it is given by name."""
    param: str | None = None
    names_event: bool = True
    """Whether the frame names the client event that caused it. The live server leaves it out for some."""


ERRORS: Final[dict[str, ErrorRow]] = {
    # --- frames ---
    "not_json": ErrorRow("invalid_json", "We could not parse the JSON body of your event."),
    "no_type": ErrorRow("invalid_event", "The 'type' field is missing."),
    "unknown_value": ErrorRow("invalid_value", "Invalid value: '{value}'. Supported values are: {supported}."),
    "wrong_value": ErrorRow("invalid_value", "Invalid value: '{value}'. {reason}"),
    "wrong_type": ErrorRow("invalid_type", "Invalid type for '{param}': {reason} instead."),
    "missing": ErrorRow("missing_required_parameter", "Missing required parameter: '{param}'."),
    "unknown_parameter": ErrorRow("unknown_parameter", "Unknown parameter: '{param}'."),
    "not_base64": ErrorRow("invalid_value", "Invalid '{param}'. Expected base64-encoded audio bytes."),
    "too_small": ErrorRow(
        "integer_below_min_value",
        "Invalid '{param}': integer below minimum value. Expected a value >= {limit}, but got {value} instead.",
    ),
    "too_large": ErrorRow(
        "integer_above_max_value",
        "Invalid '{param}': integer above maximum value. Expected a value <= {limit}, but got {value} instead.",
    ),
    "too_long": ErrorRow(
        "string_above_max_length",
        "Invalid '{param}': string too long. Expected a string with maximum length {limit}, "
        "but got a string with length {value} instead.",
    ),
    # --- session ---
    "voice_is_fixed": ErrorRow(
        "cannot_update_voice", "Cannot update a conversation's voice if assistant audio is present.", "session.voice"
    ),
    "tracing_is_fixed": ErrorRow(
        "cannot_update_tracing", "Tracing cannot be changed once it is set, only disabled.", "session.tracing"
    ),
    "session_expired": ErrorRow("session_expired", "Your session hit the maximum duration of {minutes:g} minutes."),
    "beta_shape": ErrorRow(
        "beta_api_shape_disabled",
        "The Realtime Beta API is no longer supported. Please use /v1/realtime without the OpenAI-Beta header.",
    ),
    # --- the caller's audio ---
    "commit_empty": ErrorRow(
        "input_audio_buffer_commit_empty",
        "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, "
        "but buffer only has {ms:.2f}ms of audio.",
    ),
    "buffer_full": ErrorRow(
        "input_audio_buffer_full", "Error appending to input audio buffer: it already holds {seconds:g} s of audio."
    ),
    "append_too_large": ErrorRow(
        "invalid_value", "Invalid 'audio': at most {limit} bytes may be appended at once, but got {value}.", "audio"
    ),
    "no_output_buffer": ErrorRow(
        "invalid_value", "output_audio_buffer.clear is only supported over WebRTC and SIP connections.", "type"
    ),
    "sound_of_calls": ErrorRow(
        "invalid_value", "The sound of a call does not pass here: input_audio_buffer.append is not supported.", "type"
    ),
    # --- items ---
    "no_previous_item": ErrorRow(
        "item_create_invalid_previous_item_id",
        "Error adding item: the previous item with id '{item_id}' does not exist.",
    ),
    "duplicate_item": ErrorRow(
        "item_create_duplicate_item_id", "Error adding item: an item with id '{item_id}' already exists."
    ),
    "no_such_call": ErrorRow(
        "invalid_tool_call_id", "Tool call ID '{call_id}' not found in conversation.", names_event=False
    ),
    "delete_unknown": ErrorRow(
        "item_delete_invalid_item_id", "Error deleting item: the item with id '{item_id}' does not exist."
    ),
    "retrieve_unknown": ErrorRow(
        "item_retrieve_invalid_item_id", "Error retrieving item: the item with id '{item_id}' does not exist."
    ),
    "truncate_unknown": ErrorRow(
        "item_truncate_invalid_item_id", "Error truncating item: the item with id '{item_id}' does not exist."
    ),
    "truncate_not_speech": ErrorRow(None, "Only model output audio messages can be truncated"),
    "truncate_past_end": ErrorRow(
        "invalid_value", "Audio content of {length}ms is already shorter than {asked}ms", "audio_end_ms"
    ),
    "no_such_approval": ErrorRow("invalid_value", "Approval request with item_id not found: {item_id}"),
    "approved_already": ErrorRow("invalid_value", "Approval request '{item_id}' was answered already."),
    # --- responses ---
    "response_active": ErrorRow(
        "conversation_already_has_active_response",
        "Conversation already has an active response in progress: {response_id}. "
        "Wait until the response is finished before creating a new one.",
    ),
    "cancel_idle": ErrorRow("response_cancel_not_active", "Cancellation failed: no active response found"),
    "too_many_responses": ErrorRow(
        "too_many_active_responses", "At most {limit} responses may run outside the conversation at a time."
    ),
    "conversation_too_long": ErrorRow("conversation_too_long", "Conversation is too long to create a Response."),
    "no_referenced_item": ErrorRow(
        "item_reference_invalid_item_id", "Error creating response: the item with id '{item_id}' does not exist."
    ),
    "not_in_transcription": ErrorRow("invalid_value", "'{value}' is not supported in a transcription session.", "type"),
}


def refusal(row: str, *, param: str | None = None, **facts: object) -> ServerError:
    """Make the error of a row of the table. ``param`` overrides the row's; ``facts`` fill in its message."""
    entry = ERRORS[row]
    where = param if param is not None else entry.param
    return ServerError(
        entry.message.format(param=where, **facts), type="invalid_request_error", code=entry.code, param=where
    )


_ANONYMOUS: Final = frozenset(row.code for row in ERRORS.values() if not row.names_event)


def error_detail(error: ServerError, event_id: str | None) -> ErrorDetail:
    """Spell an error the way its frame does; all five fields are always there."""
    return ErrorDetail(
        type=error.type or "invalid_request_error",
        code=error.code,
        message=error.message,
        param=error.param,
        event_id=None if error.code in _ANONYMOUS else event_id,
    )


_REQUIRED: Final = "is required"


def unreadable(error: DecodeError) -> ServerError:
    """Say what a server says of a frame that the codec could not read."""
    reason = str(error).removeprefix(f"{error.path}: ")
    if not error.path:
        return refusal("not_json")
    if error.path == "type":
        return refusal("no_type")
    if isinstance(error, AudioDecodeError):
        return refusal("not_base64", param=error.path)
    if reason == _REQUIRED:
        return refusal("missing", param=error.path)
    return refusal("wrong_type", param=error.path, reason=reason)
