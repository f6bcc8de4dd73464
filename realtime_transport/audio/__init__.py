"""Work on sound as bytes: formats, G.711, resampling, framing, files, voice activity.

Pure and synchronous: no event loop, no sockets, no clock. Only the formats are loaded with the package; numpy and
soundfile are imported by the functions that need them, so that a program which only passes bytes on pays for neither.
"""

from realtime_transport.audio.formats import PCM16_8K, PCM16_16K, PCM16_24K, PCMA, PCMU, AudioFormat

__all__ = ["PCM16_8K", "PCM16_16K", "PCM16_24K", "PCMA", "PCMU", "AudioFormat"]
