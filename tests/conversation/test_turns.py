from realtime_transport.conversation.states import Interruption, InterruptionInput
from realtime_transport.conversation.turns import MAX_PARTS, Part, Turn, unfinished
from realtime_transport.events import AssistantMessageItem, FunctionCallItem, ResponseCreate, TurnDoneEvent


def test_a_turn_of_ours_is_marked_with_its_event() -> None:
    assert Turn(event=ResponseCreate(event_id="event_1")).marker == "event_1"
    assert Turn().marker == ""


def test_a_turn_is_muted_from_the_cut_to_its_end() -> None:
    turn = Turn()
    assert not turn.muted
    assert turn.happened(InterruptionInput.CUT)
    assert turn.muted
    assert not turn.happened(InterruptionInput.CUT)
    assert turn.happened(InterruptionInput.CANCEL)
    assert turn.muted
    assert turn.happened(InterruptionInput.DONE)
    assert not turn.muted
    assert turn.interruption is Interruption.OVER


def test_turns_are_told_apart_by_identity() -> None:
    assert Turn() != Turn()


def test_parts_are_new_at_their_first_mention() -> None:
    turn = Turn()
    part = turn.part("item_a", 0)
    assert turn.part("item_a", 0) is part
    assert turn.part("item_a", 1) is not part


def test_a_response_that_never_ends_has_so_many_parts_and_messages() -> None:
    turn = Turn()
    for number in range(MAX_PARTS + 2):
        turn.part("item", number)
        turn.made(AssistantMessageItem(id=f"item_{number}"))
    assert len(turn.parts) == len(turn.messages) == MAX_PARTS == 256
    first = turn.part("item", 0)
    assert turn.part("item", 0) is first
    assert turn.part("item", MAX_PARTS) is not turn.part("item", MAX_PARTS)


def test_only_messages_with_a_name_are_noted() -> None:
    turn = Turn()
    turn.made(AssistantMessageItem())
    turn.made(AssistantMessageItem(id=""))
    turn.made(FunctionCallItem(id="item_f", name="clock", call_id="call_1"))
    assert turn.messages == {}
    turn.made(AssistantMessageItem(id="item_a"))
    assert list(turn.messages) == ["item_a"]


def test_a_part_knows_whether_the_whole_is_what_it_said() -> None:
    part = Part()
    assert not part.said_otherwise("Hello")
    part.says("")
    assert part.said_otherwise("Hello")
    part.says("Hel")
    part.says("lo \ud800")
    assert not part.said_otherwise("Hello \ud800")
    part.says("lo")
    part.says("Hel")
    assert part.said_otherwise("Hello")
    assert not part.said_otherwise("Hallo")


def test_whole_samples_of_three_bytes() -> None:
    part = Part()
    assert part.whole_samples(b"1234", 3) == b"123"
    assert part.whole_samples(b"56", 3) == b"456"
    assert part.whole_samples(b"", 3) == b""
    assert part.half_sample == b""


def test_a_part_is_closed_once_for_each_kind() -> None:
    part = Part()
    assert part.close("text")
    assert not part.close("text")
    assert part.close("audio")


def test_an_unfinished_turn_says_so() -> None:
    assert unfinished(Turn(id="resp_1", out_of_band=True), "connection_lost") == TurnDoneEvent(
        response_id="resp_1",
        status="incomplete",
        reason="connection_lost",
        error=None,
        usage=None,
        output=(),
        out_of_band=True,
    )
