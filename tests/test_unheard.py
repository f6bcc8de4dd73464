"""What is logged when nobody listens."""

from __future__ import annotations

import logging

import pytest

from realtime_transport.events.transport import AudioGapEvent, ErrorEvent
from realtime_transport.exceptions import ConnectionLost, RealtimeError
from realtime_transport.unheard import log_unheard


def test_a_gap_is_a_warning_with_its_length(caplog: pytest.LogCaptureFixture) -> None:
    log_unheard("audio_gap", AudioGapEvent(direction="out", ms=20.0, reason="too slow"))
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.WARNING, "20 ms of audio out were lost: too slow")


def test_an_error_that_was_raised_comes_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    caused = ConnectionLost("lost")
    caused.__cause__ = OSError("down")
    try:
        raise ConnectionLost("raised")
    except RealtimeError as raised:
        for error in (raised, caused, ConnectionLost("made")):
            log_unheard("error", ErrorEvent(error=error))
    assert [record.exc_info is not None for record in caplog.records] == [True, True, False]
    assert caplog.records[2].getMessage() == "nobody listens to 'error': made"
