"""Event-emitter transports for speech-to-speech (Realtime) APIs."""
