"""What a dialect or a medium can do, as data.

Code asks a flag here and never ``if dialect == "azure"``: a new provider is then a new value, not a new branch.
"""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class Capabilities:
    """Differences between servers and media that the core has to know. The defaults are OpenAI GA over WebSocket."""

    acknowledges_session_update: bool = True
    """``session.update`` is answered with ``session.updated``. Where not, ``connect`` waits a grace time and warns."""

    sends_session_created: bool = True
    """The first frame is ``session.created``. A sideband socket starts with ``session.updated`` instead."""

    acknowledges_items: bool = True
    """``conversation.item.create`` is answered with ``.added`` (or ``.created``)."""

    can_delete_items: bool = True
    """``conversation.item.delete`` exists."""

    can_truncate: bool = True
    """``conversation.item.truncate`` exists and is answered."""

    acknowledges_truncate: bool = True
    """``conversation.item.truncated`` is sent."""

    server_plays_audio: bool = False
    """The server owns the playout buffer (WebRTC, SIP) and truncates by itself: we must not send truncate, and stop
    the sound with ``output_audio_buffer.clear``."""

    carries_audio: bool = True
    """Audio passes through this connection. False on a sideband socket, where ``send_audio`` is refused."""

    manual_commit_under_vad: bool = True
    """A client ``commit`` is honoured while server VAD is on."""

    out_of_band_responses: bool = True
    """``response.create`` with ``conversation: "none"`` runs beside the default response."""

    echoes_event_id: bool = True
    """``error.event_id`` names the client event that caused it."""

    echoes_metadata: bool = True
    """``response.created`` echoes the metadata of ``response.create``, so ours and the server's are told apart."""

    reports_usage: bool = True
    """``response.done`` carries usage."""

    session_limit: float | None = 3600.0
    """Seconds after which the server ends the session, None where it does not."""
