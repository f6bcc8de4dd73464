import pytest

from realtime_transport.conversation.marking import MARKER, MAX_METADATA_PAIRS, marked, marker_of, overrides
from realtime_transport.events import Response, ResponseCreate, ResponseOptions
from realtime_transport.exceptions import InvalidArgument


def test_the_mark_is_the_events_own_id_beside_the_callers_metadata() -> None:
    plain = marked(ResponseCreate(event_id="event_1"))
    assert plain.response == ResponseOptions(metadata={MARKER: "event_1"})
    rich = marked(ResponseCreate(event_id="event_1", response=ResponseOptions(metadata={"topic": "weather"})))
    assert rich.response == ResponseOptions(metadata={"topic": "weather", MARKER: "event_1"})


@pytest.mark.parametrize("pairs", [MAX_METADATA_PAIRS - 1, MAX_METADATA_PAIRS])
def test_the_mark_needs_room(pairs: int) -> None:
    event = ResponseCreate(event_id="event_1", response=ResponseOptions(metadata={str(n): "" for n in range(pairs)}))
    if pairs < MAX_METADATA_PAIRS:
        assert marked(event)
    else:
        with pytest.raises(InvalidArgument, match=r"^response\.metadata: at most 15 pairs: one is the library's$"):
            marked(event)


def test_the_mark_is_read_where_there_is_one() -> None:
    assert marker_of(Response(metadata={MARKER: "event_1"})) == "event_1"
    assert marker_of(Response(metadata={"topic": "weather"})) is None
    assert marker_of(Response(metadata=None)) is None
    assert marker_of(Response()) is None
    assert marker_of(Response(metadata={MARKER: ["not", "ours"]})) is None  # type: ignore[dict-item]


def test_requests_that_differ_in_their_mark_only_ask_for_the_same() -> None:
    one, two = (marked(ResponseCreate(event_id=name, response=ResponseOptions(instructions="Hi."))) for name in "ab")
    assert one != two
    assert overrides(one) == overrides(two)
    assert overrides(one) != overrides(marked(ResponseCreate(event_id="c")))
    topic = marked(ResponseCreate(event_id="d", response=ResponseOptions(instructions="Hi.", metadata={"topic": "x"})))
    assert overrides(one) != overrides(topic)
    assert overrides(None) == overrides(ResponseCreate())
