"""When it may be said: both roles of a conversation, pure. Events in, frames and events out, time passed in.

``ClientConversation`` is what every transport turns. The parts it is made of are importable from their own modules.
"""

from realtime_transport.conversation.client import ClientConversation
from realtime_transport.conversation.core import Counts, Limits
from realtime_transport.conversation.requests import Outcome, Settlement
from realtime_transport.conversation.states import Connection

__all__ = ["ClientConversation", "Connection", "Counts", "Limits", "Outcome", "Settlement"]
