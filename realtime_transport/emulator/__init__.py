"""A server to run against without a key: the server role of the conversation behind a real socket.

``Emulator`` needs the extra ``server``; brains, clips and the transcriber do not.
"""

from realtime_transport.emulator.behaviour import Behaviour, behaviour, make_brain
from realtime_transport.emulator.brains import AsyncBrain, Improviser, Recorded, Spoken
from realtime_transport.emulator.calls import Call
from realtime_transport.emulator.chat import ChatBrain
from realtime_transport.emulator.clips import SpeechLibrary, library
from realtime_transport.emulator.server import Emulator
from realtime_transport.emulator.transcriber import ClipTranscriber
from realtime_transport.emulator.webhooks import WebhookTarget

__all__ = [
    "AsyncBrain",
    "Behaviour",
    "Call",
    "ChatBrain",
    "ClipTranscriber",
    "Emulator",
    "Improviser",
    "Recorded",
    "SpeechLibrary",
    "Spoken",
    "WebhookTarget",
    "behaviour",
    "library",
    "make_brain",
]
