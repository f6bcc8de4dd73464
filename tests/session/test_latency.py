from realtime_transport.session.latency import TURNS_KEPT, LatencyMeter, LatencySummary


def test_a_spoken_turn() -> None:
    meter = LatencyMeter()
    meter.speech_stopped(10.0)
    meter.created("r1", 10.2)
    first = meter.audio("r1", 10.5)
    assert first is not None
    assert meter.audio("r1", 10.9) is None
    turn = meter.heard("r1", 10.6)
    assert turn is not None
    assert meter.heard("r1", 10.9) is None
    assert [round(each or 0, 6) for each in (turn.to_created, turn.to_first_audio, turn.to_first_heard)] == [
        0.2,
        0.5,
        0.6,
    ]
    assert meter.turns == (turn,)


def test_only_the_first_response_answers_the_speech() -> None:
    meter = LatencyMeter()
    meter.speech_stopped(10.0)
    meter.created("r1", 10.2)
    meter.created("r2", 14.0)
    meter.audio("r2", 14.5)
    (_, second) = meter.turns
    assert second.to_created is None
    assert second.to_first_audio == 0.5
    assert second.to_first_heard is None


def test_audio_of_an_unknown_response_is_nothing() -> None:
    meter = LatencyMeter()
    assert meter.audio("r9", 1.0) is None
    assert meter.heard("r9", 1.0) is None


def test_a_barge_in_is_measured_from_the_first_sound() -> None:
    meter = LatencyMeter()
    assert meter.interrupted(1.0) is None
    meter.speech_started(5.0)
    assert meter.interrupted(5.25) == 0.25
    assert meter.interrupted(5.5) is None
    assert meter.barge_ins == (0.25,)


def test_the_summary_is_medians_of_what_is_known() -> None:
    meter = LatencyMeter()
    empty = LatencySummary(
        turns=0, to_created=None, to_first_audio=None, to_first_heard=None, barge_ins=0, barge_in_to_silence=None
    )
    assert meter.summary() == empty
    for number, delay in enumerate((0.25, 1.0, 0.5)):
        meter.speech_stopped(10.0 * number)
        meter.created(f"r{number}", 10.0 * number + delay)
        meter.audio(f"r{number}", 10.0 * number + 2 * delay)
        meter.heard(f"r{number}", 10.0 * number + 3 * delay)
    meter.speech_started(50.0)
    meter.interrupted(50.125)
    assert meter.summary() == LatencySummary(
        turns=3, to_created=0.5, to_first_audio=1.0, to_first_heard=1.5, barge_ins=1, barge_in_to_silence=0.125
    )


def test_old_turns_are_forgotten() -> None:
    meter = LatencyMeter()
    for number in range(TURNS_KEPT + 5):
        meter.created(f"r{number}", float(number))
        meter.speech_started(0.0)
        meter.interrupted(1.0)
    assert len(meter.barge_ins) == TURNS_KEPT
    assert len(meter.turns) == TURNS_KEPT
    assert meter.turns[0].response_id == "r5"
