"""Brains by word, and what is said of a word that is none."""

from __future__ import annotations

import pytest

from realtime_transport.conversation.brains import Echo
from realtime_transport.emulator import ChatBrain, Recorded, Spoken, behaviour, make_brain
from realtime_transport.emulator import voices as voices_module
from realtime_transport.exceptions import InvalidArgument


def test_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(make_brain("echo")(), Echo)
    assert isinstance(make_brain("chat=http://127.0.0.1:9/v1")(), ChatBrain)
    monkeypatch.setattr(voices_module.shutil, "which", lambda _: "/usr/bin/espeak-ng")
    assert isinstance(make_brain("speech")(), Spoken)
    monkeypatch.setattr(voices_module.shutil, "which", lambda _: None)
    assert isinstance(make_brain("speech")(), Recorded)


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("telepathy", "speech, echo, improvise, chat=URL#MODEL or script=FILE"),
        ("echo=loud", "no brain"),
        ("chat", "write chat=http://"),
        ("script=", "write script=my_script.yaml"),
        ("chat=127.0.0.1:80", "is no URL"),
    ],
)
def test_words_that_are_none(word: str, says: str) -> None:
    with pytest.raises(InvalidArgument, match=says):
        behaviour(word)
