"""The end of a transcription session: what was said is committed, and the last words have come.

A commit is answered at once and its words later, so two things are waited for: the answer to every commit, and the
words (or their failure) of every turn that was committed.
"""

from __future__ import annotations

from realtime_transport.conversation.core import MAX_ONCE, Core
from realtime_transport.conversation.intents import MIN_COMMIT_MS, commit_audio
from realtime_transport.conversation.requests import Request
from realtime_transport.conversation.session_views import input_format
from realtime_transport.events.client import InputAudioBufferCommit
from realtime_transport.events.session import TranscriptionSessionConfig
from realtime_transport.exceptions import UnsupportedOperation


def finish(core: Core, event_id: str, now: float, timeout: float) -> None:
    """Commit what is in the buffer, and settle when the words of everything have come.

    Less than the server commits (100 ms) is no word and stays behind.
    """
    if not isinstance(core.session.desired, TranscriptionSessionConfig):
        raise UnsupportedOperation("a conversation has no end of its own: wait for 'turn_done', then close()")
    parts = [core.ids("event")]
    if input_format(core.session.acknowledged).ms(core.uncommitted_bytes) >= MIN_COMMIT_MS:
        parts.append(core.ids("event"))
        commit_audio(core, InputAudioBufferCommit(event_id=parts[1]), now)
    core.requests.open(Request(event_id=parts[0], kind="finish", key="", patience=timeout), now + timeout)
    core.requests.open_group(event_id, parts)
    look(core)


def committed(core: Core, item_id: str) -> None:
    """Note a turn whose words are to come. A server that does not name it has one of them at a time."""
    if not isinstance(core.session.acknowledged, TranscriptionSessionConfig):
        return
    core.untranscribed[item_id] = None
    if len(core.untranscribed) > MAX_ONCE:
        del core.untranscribed[next(iter(core.untranscribed))]


def transcribed(core: Core, item_id: str) -> None:
    """Note that the words of a turn came, or that they never will."""
    core.untranscribed.pop(item_id if item_id in core.untranscribed else "", None)
    look(core)


def look(core: Core) -> None:
    """Settle whoever waits for the end, when nothing is missing."""
    if not core.untranscribed and core.requests.oldest("commit") is None:
        while core.requests.acknowledge("finish") is not None:
            pass
