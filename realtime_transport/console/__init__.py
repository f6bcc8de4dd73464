"""What people look at: a call as it goes on, and the picture of it afterwards.

``LiveView`` (extra ``cli``) and ``draw_timeline`` (extra ``plot``) import their packages when they are used.
"""

from realtime_transport.console.live import LiveView
from realtime_transport.console.timeline import draw_timeline

__all__ = ["LiveView", "draw_timeline"]
