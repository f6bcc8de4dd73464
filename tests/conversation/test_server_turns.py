"""The caller's turns: turn detection, commits, barge-in, the caller's words, an idle caller."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_transport.audio import PCM16_24K
from realtime_transport.conversation.brain import Output, Pause, Say
from realtime_transport.conversation.brains import Echo, hum
from realtime_transport.conversation.server import ServerLimits, ServerTraits
from realtime_transport.conversation.server_turns import IDLE_NOTE, LOGPROBS
from realtime_transport.events import (
    ConversationItemAdded,
    ConversationItemDone,
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionDelta,
    ConversationItemInputAudioTranscriptionFailed,
    ConversationItemRetrieve,
    ConversationItemRetrieved,
    ErrorFrame,
    InputAudioBufferAppend,
    InputAudioBufferClear,
    InputAudioBufferCommit,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    InputAudioBufferTimeoutTriggered,
    ResponseCreated,
    ResponseDone,
    ResponseOutputItemAdded,
)
from realtime_transport.exceptions import ServerError
from tests.conversation.serving import PHRASE, Canned, Served, plain, silence, types

TURN = silence(1000) + PHRASE + silence(1000)


class Knows:
    """Takes everything for the same words."""

    def __init__(self, words: str = "What is the weather like?") -> None:
        self.words = words

    def transcribe(self, audio: bytes) -> str:
        return self.words if audio.strip(b"\0") else ""


def test_a_turn_becomes_an_item_and_is_answered() -> None:
    served = Served(Canned(Say(transcript="Hi.", audio=hum("hi"))))
    said = [kind for kind in types(served.speak(TURN)) if not kind.startswith("response.output")]
    assert said[:7] == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "conversation.item.added",
    ]
    started, stopped = served.last(InputAudioBufferSpeechStarted), served.last(InputAudioBufferSpeechStopped)
    committed, added = served.last(InputAudioBufferCommitted), served.all(ConversationItemAdded)[0]
    assert started.item_id == stopped.item_id == committed.item_id == added.item.id
    assert committed.previous_item_id is None
    assert plain(added)["item"]["content"] == [{"type": "input_audio", "transcript": None}]
    assert plain(added)["item"]["status"] == "completed"


def test_offsets_lie_on_the_grid_of_the_detector() -> None:
    served = Served()
    served.speak(TURN)
    start = served.last(InputAudioBufferSpeechStarted).audio_start_ms
    end = served.last(InputAudioBufferSpeechStopped).audio_end_ms
    assert start is not None
    assert end is not None
    assert ((start + 300) % 32, end % 32) == (0, 0)
    assert abs(start + 300 - 1000) <= 32
    spoken = PCM16_24K.ms(len(PHRASE)) - 80  # a word ends with 80 ms of silence
    assert abs(end - (1000 + spoken + 200)) <= 64


def test_the_item_holds_the_turn_with_its_padding() -> None:
    served = Served()
    served.speak(TURN)
    item_id = str(served.last(InputAudioBufferCommitted).item_id)
    served.send(ConversationItemRetrieve(item_id=item_id))
    audio: Any = served.last(ConversationItemRetrieved).item
    sound = audio.content[0].audio
    start = served.last(InputAudioBufferSpeechStarted).audio_start_ms
    end = served.last(InputAudioBufferSpeechStopped).audio_end_ms
    assert start is not None
    assert end is not None
    assert PCM16_24K.ms(len(sound)) == end - start
    assert TURN[PCM16_24K.bytes_for(start) :].startswith(sound)


def test_the_same_audio_in_one_event() -> None:
    slow, fast = Served(), Served()
    slow.speak(TURN)
    fast.send(InputAudioBufferAppend(audio=TURN))
    kinds = (InputAudioBufferSpeechStarted, InputAudioBufferSpeechStopped)
    assert [plain(slow.last(kind)) for kind in kinds] == [plain(fast.last(kind)) for kind in kinds]


def test_create_response_false_stops_after_the_item() -> None:
    served = Served()
    served.update(audio={"input": {"turn_detection": {"type": "server_vad", "create_response": False}}})
    assert types(served.speak(TURN))[-1] == "conversation.item.done"


def test_nothing_said_nothing_done() -> None:
    served = Served()
    assert served.speak(silence(5000)) == []


@pytest.mark.parametrize("law", ["audio/pcmu", "audio/pcma"])
def test_telephone_audio(law: str) -> None:
    from realtime_transport.audio.convert import converter

    served = Served(Echo())
    served.update(audio={"input": {"format": {"type": law}}})
    telephone = converter(PCM16_24K, law)
    audio = telephone.push(TURN) + telephone.flush()
    for at in range(0, len(audio), 160):
        served.send(InputAudioBufferAppend(audio=audio[at : at + 160]))
    start = served.last(InputAudioBufferSpeechStarted).audio_start_ms
    assert start is not None
    assert abs(start + 300 - 1000) <= 32
    item_id = str(served.last(InputAudioBufferCommitted).item_id)
    served.send(ConversationItemRetrieve(item_id=item_id))
    item: Any = served.last(ConversationItemRetrieved).item
    end = served.last(InputAudioBufferSpeechStopped).audio_end_ms
    assert end is not None
    assert abs(len(item.content[0].audio) / 8 - (end - start)) < 1


def test_turns_stand_in_the_conversation_one_after_the_other() -> None:
    brain = Canned((), ())
    served = Served(brain, transcriber=Knows())
    served.speak(TURN + TURN)
    first, second = served.all(InputAudioBufferCommitted)
    assert (first.previous_item_id, second.previous_item_id) == (None, first.item_id)
    added, done = served.all(ConversationItemAdded), served.all(ConversationItemDone)
    assert [event.previous_item_id for event in added] == [None, first.item_id]
    assert [event.previous_item_id for event in done] == [None, first.item_id]
    assert [event.item for event in done] == [event.item for event in added]
    assert [request.words for request in brain.requests][-1] == f"{Knows().words} {Knows().words}"


# --- barge-in ------------------------------------------------------------------------------------------------------


LONG = Say(transcript="one two three four five six seven eight nine ten", audio=hum("x" * 20) * 5)


def test_speech_cancels_the_running_response() -> None:
    served = Served(Canned(LONG), pace=1)
    served.write("go on")
    served.respond()
    served.speak(TURN)
    kinds = types(event for _, event in served.log)
    begin = kinds.index("input_audio_buffer.speech_started")
    assert kinds[begin : begin + 7] == [
        "input_audio_buffer.speech_started",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    done = plain(served.all(ResponseDone)[0])["response"]
    assert done["status"] == "cancelled"
    assert done["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert done["output"][0]["status"] == "incomplete"
    assert LONG.transcript.startswith(done["output"][0]["content"][0]["transcript"])
    assert done["usage"]["output_tokens"] > 0


def test_speech_before_the_first_word_leaves_an_empty_response() -> None:
    served = Served(Canned(LONG), latency_ms=60_000)
    served.respond()
    served.speak(TURN)
    done = plain(served.all(ResponseDone)[0])["response"]
    assert (done["status"], done["output"]) == ("cancelled", [])
    assert done["usage"]["total_tokens"] == 0
    assert "rate_limits.updated" not in served.types


def test_speech_after_the_last_word_says_nothing_of_a_response() -> None:
    served = Served(Canned(LONG))
    served.respond()
    assert served.last(ResponseDone).response.status == "completed"
    assert types(served.speak(silence(1000) + PHRASE)) == ["input_audio_buffer.speech_started"]


def test_a_response_that_speech_does_not_interrupt_is_finished_before_the_next() -> None:
    served = Served(Canned(LONG, Say(transcript="And now you.")), pace=1)
    served.update(audio={"input": {"turn_detection": {"type": "server_vad", "interrupt_response": False}}})
    served.respond()
    served.speak(TURN)
    assert len(served.all(ResponseCreated)) == 1
    served.wait(20)
    assert [event.response.status for event in served.all(ResponseDone)] == ["completed", "completed"]
    assert served.types.index("response.done") < len(served.types) - served.types[::-1].index("response.created")


# --- by hand -------------------------------------------------------------------------------------------------------


def by_hand(**conversation: Any) -> Served:
    served = Served(**conversation)
    served.update(audio={"input": {"turn_detection": None}})
    return served


def test_without_turn_detection_commits_are_the_clients() -> None:
    served = by_hand()
    assert served.speak(TURN) == []
    assert types(served.send(InputAudioBufferCommit())) == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    item_id = str(served.last(InputAudioBufferCommitted).item_id)
    served.send(ConversationItemRetrieve(item_id=item_id))
    item: Any = served.last(ConversationItemRetrieved).item
    assert item.content[0].audio == TURN


def test_the_words_of_a_turn_that_was_committed_by_hand() -> None:
    served = Served(transcriber=Knows(), traits=ServerTraits(transcription_delay=0.5))
    served.update(audio={"input": {"turn_detection": None, "transcription": {"model": "whisper-1"}}})
    served.speak(TURN)
    served.send(InputAudioBufferCommit())
    committed = served.now
    served.wait(1)
    completed = served.last(ConversationItemInputAudioTranscriptionCompleted)
    assert completed.item_id == served.last(InputAudioBufferCommitted).item_id
    assert completed.transcript == Knows().words
    assert served.at(ConversationItemInputAudioTranscriptionCompleted) == pytest.approx(committed + 0.5)


@pytest.mark.parametrize("ms", [0, 99])
def test_too_little_to_commit(ms: int) -> None:
    served = by_hand()
    served.speak(silence(ms))
    (error,) = served.send(InputAudioBufferCommit())
    assert plain(error)["error"]["code"] == "input_audio_buffer_commit_empty"
    assert f"only has {ms}.00ms" in plain(error)["error"]["message"]


def test_a_tenth_of_a_second_is_enough() -> None:
    served = by_hand()
    served.speak(silence(100))
    assert types(served.send(InputAudioBufferCommit()))[0] == "input_audio_buffer.committed"


def test_clear_forgets() -> None:
    served = by_hand()
    served.speak(TURN)
    assert types(served.send(InputAudioBufferClear())) == ["input_audio_buffer.cleared"]
    served.send(InputAudioBufferCommit())
    assert served.codes == ["input_audio_buffer_commit_empty"]


def test_commit_under_turn_detection_wants_speech() -> None:
    served = Served()
    served.speak(silence(2000))
    served.send(InputAudioBufferCommit())
    assert served.codes == ["input_audio_buffer_commit_empty"]
    served.speak(PHRASE)
    said = types(served.send(InputAudioBufferCommit()))
    assert said == ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"]
    started = served.last(InputAudioBufferSpeechStarted)
    assert served.last(InputAudioBufferCommitted).item_id == started.item_id
    assert types(served.speak(silence(2000))) == []


def test_clear_in_the_middle_of_a_turn_ends_it() -> None:
    served = Served()
    served.speak(silence(1000) + PHRASE)
    served.send(InputAudioBufferClear())
    assert types(served.speak(silence(2000))) == []


def test_switching_detection_off_in_the_middle_of_a_turn() -> None:
    served = Served()
    served.speak(silence(1000) + PHRASE)
    served.update(audio={"input": {"turn_detection": None}})
    assert types(served.speak(silence(2000))) == []
    assert types(served.send(InputAudioBufferCommit()))[0] == "input_audio_buffer.committed"


def test_an_unrelated_update_does_not_disturb_a_turn() -> None:
    served = Served()
    served.speak(silence(1000) + PHRASE)
    served.update(instructions="Something else.")
    assert types(served.speak(silence(1000)))[:2] == [
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
    ]
    assert served.types.count("input_audio_buffer.speech_started") == 1


# --- limits --------------------------------------------------------------------------------------------------------


def test_more_than_15_mib_at_once() -> None:
    served = Served()
    (error,) = served.send(InputAudioBufferAppend(audio=bytes(15 * 1024 * 1024 + 1)))
    assert plain(error)["error"]["param"] == "audio"


def test_a_buffer_that_nobody_commits() -> None:
    from realtime_transport.conversation.server import ServerLimits

    served = by_hand(limits=ServerLimits(input_buffer_seconds=1))
    served.send(InputAudioBufferAppend(audio=silence(1000)))
    served.send(InputAudioBufferAppend(audio=silence(20)))
    assert served.codes == ["input_audio_buffer_full"]


# --- semantic turn detection ---------------------------------------------------------------------------------------


def semantic(words: str, **vad: Any) -> Served:
    served = Served(transcriber=Knows(words))
    served.update(audio={"input": {"turn_detection": {"type": "semantic_vad", **vad}}})
    return served


@pytest.mark.parametrize(
    ("words", "eagerness", "wait"),
    [
        ("What is the weather like?", "auto", 320),
        ("What is the", "low", 8000),
        ("What is the", "medium", 4000),
        ("What is the", "auto", 4000),
        ("What is the", "high", 2000),
        ("", "low", 2000),
        ("", "auto", 1000),
        ("", "high", 500),
    ],
)
def test_how_long_an_unfinished_sentence_is_waited_for(words: str, eagerness: str, wait: int) -> None:
    served = semantic(words, eagerness=eagerness)
    served.speak(silence(1000) + PHRASE + silence(9000))
    end = served.last(InputAudioBufferSpeechStopped).audio_end_ms
    assert end is not None
    assert abs(end - (1000 + PCM16_24K.ms(len(PHRASE)) - 80 + wait)) <= 64


def test_who_goes_on_after_a_gap_is_announced_again_and_committed_once() -> None:
    served = semantic("I would like to")
    served.speak(silence(1000) + PHRASE + silence(1500) + PHRASE + silence(5000))
    started = served.all(InputAudioBufferSpeechStarted)
    assert len(started) == 2
    assert len({event.item_id for event in started}) == 2
    (committed,) = served.all(InputAudioBufferCommitted)
    assert committed.item_id == started[-1].item_id
    served.send(ConversationItemRetrieve(item_id=str(committed.item_id)))
    item: Any = served.last(ConversationItemRetrieved).item
    assert PCM16_24K.ms(len(item.content[0].audio)) > 2 * PCM16_24K.ms(len(PHRASE)) + 1500


def test_a_gap_that_ends_inside_one_event() -> None:
    served = semantic("Yes.")
    served.send(InputAudioBufferAppend(audio=TURN + TURN))
    assert [kind for kind in served.types if kind.startswith("input_audio_buffer.sp")] == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
    ] * 2


# --- the caller's words --------------------------------------------------------------------------------------------


WORDS = "conversation.item.input_audio_transcription"


@pytest.mark.parametrize(("include", "told"), [([], False), ([LOGPROBS], True)])
def test_how_certain_the_words_are_is_told_where_the_session_wants_it(include: list[str], told: bool) -> None:
    served = Served(transcriber=Knows())
    served.update(audio={"input": {"transcription": {"model": "whisper-1"}}}, include=include)
    served.speak(TURN)
    assert bool(served.last(ConversationItemInputAudioTranscriptionCompleted).logprobs) is told


def transcribing(model: str, words: str = "What is the weather like?") -> Served:
    served = Served(transcriber=Knows(words), traits=ServerTraits(transcription_delay=0.5))
    served.update(audio={"input": {"transcription": {"model": model}}})
    served.speak(TURN)
    return served


def test_words_come_at_their_own_pace() -> None:
    served = transcribing("gpt-4o-transcribe")
    completed = served.last(ConversationItemInputAudioTranscriptionCompleted)
    assert served.at(ConversationItemInputAudioTranscriptionCompleted) == pytest.approx(
        served.at(InputAudioBufferCommitted) + 0.5
    )
    assert completed.item_id == served.last(InputAudioBufferCommitted).item_id
    assert completed.transcript == "What is the weather like?"
    deltas = [event.delta for event in served.all(ConversationItemInputAudioTranscriptionDelta)]
    assert deltas == ["What", " is", " the", " weather", " like?"]
    assert served.types.index("input_audio_buffer.committed") < served.types.index(f"{WORDS}.delta")
    item: Any = served.conversation.items[0]
    assert item.content[0].transcript == "What is the weather like?"


def test_whisper_sends_its_words_at_once() -> None:
    served = transcribing("whisper-1")
    assert len(served.all(ConversationItemInputAudioTranscriptionDelta)) == 1


@pytest.mark.parametrize(
    ("model", "usage"),
    [
        ("whisper-1", {"type": "duration", "seconds": 3}),
        (
            "gpt-4o-mini-transcribe",
            {
                "type": "tokens",
                "total_tokens": 28,
                "input_tokens": 21,
                "input_token_details": {"text_tokens": 0, "audio_tokens": 21},
                "output_tokens": 7,
            },
        ),
    ],
)
def test_transcription_is_billed_by_model(model: str, usage: dict[str, Any]) -> None:
    completed = transcribing(model).last(ConversationItemInputAudioTranscriptionCompleted)
    assert plain(completed)["usage"] == usage


def test_words_that_are_known_early_come_before_the_turn_is_over() -> None:
    served = transcribing("gpt-realtime-whisper")
    kinds = [kind.rpartition(".")[2] for kind in served.types]
    assert kinds.index("delta") < kinds.index("speech_stopped") < kinds.index("completed")
    assert len(served.all(ConversationItemInputAudioTranscriptionDelta)) == 5


def test_words_are_told_early_by_such_models_only_and_where_they_are_asked_for() -> None:
    served = Served(transcriber=Knows())
    served.speak(TURN)
    assert not [kind for kind in served.types if kind.startswith(WORDS)]


def test_nothing_understood() -> None:
    served = transcribing("gpt-4o-transcribe", "")
    assert served.last(ConversationItemInputAudioTranscriptionCompleted).transcript == ""
    assert served.all(ConversationItemInputAudioTranscriptionDelta) == []


@pytest.mark.parametrize(
    ("code", "told"), [("DeploymentNotFound", "DeploymentNotFound"), (None, "transcription_failed")]
)
def test_transcription_that_fails_leaves_the_conversation_alone(code: str | None, told: str) -> None:
    class Fails:
        def transcribe(self, audio: bytes) -> str:
            raise ServerError("No such model.", code=code)

    brain = Canned(LONG)
    served = Served(brain, transcriber=Fails())
    served.update(audio={"input": {"transcription": {"model": "whisper-9"}}})
    served.speak(TURN)
    failed = plain(served.last(ConversationItemInputAudioTranscriptionFailed))
    assert failed["item_id"] == served.last(InputAudioBufferCommitted).item_id
    assert (failed["error"]["type"], failed["error"]["code"]) == ("server_error", code or "transcription_failed")
    assert served.last(ResponseDone).response.status == "completed"
    assert brain.requests[0].words == ""
    assert served.codes == []


def test_words_of_a_deleted_item_are_told_and_forgotten() -> None:
    from realtime_transport.events import ConversationItemDelete

    served = Served(transcriber=Knows(), traits=ServerTraits(transcription_delay=5))
    served.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
    served.speak(TURN)
    served.send(ConversationItemDelete(item_id=str(served.last(InputAudioBufferCommitted).item_id)))
    served.wait(5)
    assert served.last(ConversationItemInputAudioTranscriptionCompleted).transcript


def test_a_transcription_session_never_answers() -> None:
    served = Served(kind="transcription", transcriber=Knows())
    served.update_transcription(audio={"input": {"transcription": {"model": "whisper-1"}}})
    served.speak(TURN)
    assert "response.created" not in served.types
    assert served.last(ConversationItemInputAudioTranscriptionCompleted).transcript


# --- an idle caller ------------------------------------------------------------------------------------------------


def idle(*answers: Say | list[Output], seconds: int = 5) -> Served:
    served = Served(Canned(*answers), transcriber=Knows())
    served.update(
        audio={
            "input": {
                "turn_detection": {"type": "server_vad", "idle_timeout_ms": seconds * 1000},
                "transcription": {"model": "whisper-1"},
            }
        }
    )
    served.respond()
    return served


def test_the_server_speaks_up_after_a_silence() -> None:
    served = idle(Say(transcript="Hello.", audio=silence(800)), Say(transcript="Still there?"))
    done = served.at(ResponseDone)
    said = served.speak(silence(6100))
    assert types(said)[:8] == [
        "input_audio_buffer.timeout_triggered",
        "conversation.item.added",
        "conversation.item.done",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "response.output_item.added",
    ]
    timeout = served.last(InputAudioBufferTimeoutTriggered)
    assert served.at(InputAudioBufferTimeoutTriggered) == pytest.approx(done + 0.8 + 5.0)
    assert timeout.item_id == served.last(InputAudioBufferCommitted).item_id
    assert timeout.audio_end_ms is not None
    assert timeout.audio_start_ms is not None
    assert 4900 <= timeout.audio_end_ms - timeout.audio_start_ms <= 5000
    note = served.all(ConversationItemAdded)[1].item
    assert plain(served.all(ConversationItemAdded)[1])["item"]["role"] == "system"
    assert served.last(InputAudioBufferCommitted).previous_item_id == note.id
    assert "input_audio_buffer.speech_started" not in served.types
    completed = served.last(ConversationItemInputAudioTranscriptionCompleted)
    assert completed.transcript == ""
    assert plain(completed)["usage"]["type"] == "duration"


def test_it_speaks_up_even_when_no_audio_comes() -> None:
    served = idle(Say(transcript="Hello."))
    served.wait(5.1)
    timeout = served.last(InputAudioBufferTimeoutTriggered)
    assert (timeout.audio_start_ms, timeout.audio_end_ms) == (0, 0)


def test_the_silence_lies_on_the_grid_and_stands_behind_its_note() -> None:
    served = idle(Say(transcript="Hello.", audio=silence(2000)), seconds=30)
    served.speak(silence(33_000), chunk_ms=100)
    timeout = plain(served.last(InputAudioBufferTimeoutTriggered))
    assert (timeout["audio_end_ms"] % 32, timeout["audio_start_ms"] % 32) == (0, 0)
    assert timeout["audio_end_ms"] - timeout["audio_start_ms"] == 30_000 // 32 * 32
    assert (type(timeout["audio_end_ms"]), type(timeout["audio_start_ms"])) == (int, int)
    said, note, turn = (plain(event) for event in served.all(ConversationItemAdded)[:3])
    assert [item["item"]["id"] for item in (said, note, turn)] == ["item_0001", "item_0003", "item_0002"]
    assert note["previous_item_id"] == "item_0001"
    assert note["item"] == {
        "type": "message",
        "role": "system",
        "id": "item_0003",
        "status": "completed",
        "content": [{"type": "input_text", "text": IDLE_NOTE}],
    }
    assert timeout["item_id"] == "item_0002"


def test_an_unrelated_update_does_not_stop_the_clock() -> None:
    served = idle(Say(transcript="Hello."))
    served.update(instructions="Something else.")
    served.wait(5.1)
    assert served.all(InputAudioBufferTimeoutTriggered)


def test_the_time_of_an_answer_is_told_whoever_asked_for_it() -> None:
    """An account fills up with time; where its state is told with ``response.created``, every way there knows it."""
    served = Served(Canned(LONG, LONG, LONG), pace=1, traits=ServerTraits(rate_limits="created"))
    vad = {"type": "server_vad", "interrupt_response": False, "idle_timeout_ms": 5000}
    served.update(audio={"input": {"turn_detection": vad}})
    served.speak(TURN + TURN)
    served.wait(30)
    assert served.all(InputAudioBufferTimeoutTriggered)
    assert len(served.all(ResponseCreated)) > 3
    assert {event.response.status for event in served.all(ResponseDone)} == {"completed"}


def test_speech_and_a_change_of_mind_stop_the_clock() -> None:
    served = idle(Say(transcript="Hello."))
    served.speak(silence(1000) + PHRASE)
    served.wait(10)
    assert served.all(InputAudioBufferTimeoutTriggered) == []
    served = idle(Say(transcript="Hello."))
    served.update(audio={"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": None}}})
    served.wait(10)
    assert served.all(InputAudioBufferTimeoutTriggered) == []


def test_a_running_response_is_not_talked_over() -> None:
    served = idle(Say(transcript="Hello."), [Pause(ms=3000), Say(transcript="Still there?")])
    served.wait(4)
    served.respond()
    served.wait(2)
    assert served.all(InputAudioBufferTimeoutTriggered) == []
    assert len(served.all(ResponseOutputItemAdded)) == 1


# --- answers that may not begin ------------------------------------------------------------------------------------


def cramped(brain: Canned, **detection: Any) -> Served:
    """A server that reads little and leaves nothing out."""
    served = Served(brain, pace=1, limits=ServerLimits(context_tokens=60))
    served.update(truncation="disabled", audio={"input": {"turn_detection": {"type": "server_vad", **detection}}})
    return served


def refusal_of(served: Served) -> dict[str, Any]:
    (error,) = served.all(ErrorFrame)
    assert plain(error)["error"].pop("message") == "Conversation is too long to create a Response."
    return {name: plain(error)["error"][name] for name in ("code", "param", "event_id")}


NAMELESS = {"code": "conversation_too_long", "param": None, "event_id": None}


def test_a_silence_that_cannot_be_answered_is_refused_and_the_session_goes_on() -> None:
    served = cramped(Canned(Say(transcript="Hello.")), idle_timeout_ms=5000)
    served.respond()
    served.write("x" * 1000)
    assert types(served.wait(6))[-1] == "error"
    assert refusal_of(served) == NAMELESS
    assert len(served.all(InputAudioBufferTimeoutTriggered)) == 1


def test_a_turn_that_waited_and_cannot_be_answered_is_refused_and_the_session_goes_on() -> None:
    served = cramped(Canned(LONG), interrupt_response=False)
    served.respond()
    served.speak(TURN)
    served.write("x" * 1000)
    assert types(served.wait(20))[-1] == "error"
    assert refusal_of(served) == NAMELESS


def test_turns_of_one_event_are_heard_though_the_first_cannot_be_answered() -> None:
    served = cramped(Canned())
    served.write("x" * 1000)
    said = types(served.send(InputAudioBufferAppend(event_id="mine", audio=TURN + PHRASE)))
    assert said.index("error") < said.index("input_audio_buffer.speech_started", 1)
    assert refusal_of(served) == NAMELESS
