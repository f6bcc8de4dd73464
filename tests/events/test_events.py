from __future__ import annotations

import copy
import inspect
import pickle
import re
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from realtime_transport import events
from realtime_transport.events import (
    CLIENT_EVENTS,
    SERVER_EVENTS,
    TRANSLATION_CLIENT_EVENTS,
    TRANSLATION_SERVER_EVENTS,
    TRANSPORT_EVENTS,
    UNSET,
    ClientEvent,
    ErrorDetail,
    ErrorEvent,
    InputAudioBufferAppend,
    InputAudioBufferCommit,
    InputAudioPart,
    McpTool,
    ResponseOutputAudioDelta,
    ServerEvent,
    SystemMessageItem,
    TransportEvent,
    UnknownClientEvent,
    UnknownServerEvent,
    UserMessageItem,
)
from realtime_transport.exceptions import ConnectionLost, ProtocolError

REGISTRIES = (CLIENT_EVENTS, SERVER_EVENTS, TRANSLATION_CLIENT_EVENTS, TRANSLATION_SERVER_EVENTS)
REGISTERED = {cls for registry in REGISTRIES for cls in registry.values()}
CLASSES = [cls for cls in vars(events).values() if inspect.isclass(cls) and attrs.has(cls)]


# --- names -------------------------------------------------------------------------------------------------------


def camel_case(wire_type: str) -> str:
    return "".join(word.capitalize() for word in re.split(r"[._]", wire_type))


@pytest.mark.parametrize("cls", sorted(REGISTERED, key=lambda cls: cls.__name__), ids=lambda cls: cls.__name__)
def test_a_class_is_named_after_its_wire_type(cls: Any) -> None:
    if cls.__name__.startswith("Translation"):
        short = cls.type.removeprefix("session.") if cls.type.count(".") > 1 else cls.type
        assert cls.__name__ == f"Translation{camel_case(short)}"
    else:
        assert cls.__name__ == {"error": "ErrorFrame"}.get(cls.type, camel_case(cls.type))


def test_every_event_class_is_registered() -> None:
    known = {cls for cls in CLASSES if issubclass(cls, ClientEvent | ServerEvent)}
    assert known - REGISTERED == {ClientEvent, ServerEvent, UnknownClientEvent, UnknownServerEvent}


def test_registries_are_by_type() -> None:
    for registry in REGISTRIES:
        assert {name: cls.type for name, cls in registry.items()} == {name: name for name in registry}


def test_every_transport_event_is_registered() -> None:
    payloads = {cls for cls in CLASSES if issubclass(cls, TransportEvent)} - {TransportEvent}
    assert set(TRANSPORT_EVENTS.values()) == payloads
    assert {name: cls.name for name, cls in TRANSPORT_EVENTS.items()} == {name: name for name in TRANSPORT_EVENTS}


def test_the_package_exports_every_public_class() -> None:
    inside = f"{events.__name__}."  # a module's builtins are a module too, on some days
    modules = [m for m in vars(events).values() if inspect.ismodule(m) and m.__name__.startswith(inside)]
    public = {
        name
        for module in modules
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__ and not name.startswith("_")
    }
    assert public <= set(events.__all__)
    assert sorted(set(events.__all__)) == sorted(events.__all__)
    assert all(hasattr(events, name) for name in events.__all__)


# --- instances ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_classes_are_frozen_slotted_and_by_name(cls: Any) -> None:
    assert all(field.kw_only for field in attrs.fields(cls))
    assert "__dict__" not in dir(cls)
    assert cls.__setattr__ is not object.__setattr__


def test_known_and_unknown_events_have_a_type() -> None:
    assert InputAudioBufferCommit.type == InputAudioBufferCommit().type == "input_audio_buffer.commit"
    assert UnknownServerEvent(type="ping").type == "ping"
    assert UnknownClientEvent(type="wave").type == "wave"


def test_events_are_equal_by_what_they_say() -> None:
    one, other = InputAudioBufferCommit(raw={"a": 1}), InputAudioBufferCommit(raw={"b": 2})
    assert one == other
    assert hash(one) == hash(other)
    assert UnknownServerEvent(type="x", raw={"a": 1}) != UnknownServerEvent(type="x", raw={"a": 2})


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_equality_hash_and_repr_are_those_that_attrs_would_write(cls: Any) -> None:
    assert not {"__eq__", "__hash__", "__repr__"} & set(vars(cls))  # or importing is slow: see Value
    written = attrs.frozen(kw_only=True)(type(cls.__name__, (cls,), {}))
    fields = {field.name: b"1" for field in attrs.fields(cls)}
    one, same, model, same_model = cls(**fields), cls(**fields), written(**fields), written(**fields)
    assert repr(one) == repr(model)
    assert one == same
    assert hash(one) == hash(same)
    assert one != model  # of another class
    assert one != "something else"
    for name in fields:
        other, other_model = cls(**fields | {name: b"22"}), written(**fields | {name: b"22"})
        assert (one == other) is (same_model == other_model)
        assert (hash(one) == hash(other)) is (hash(same_model) == hash(other_model))
        assert (repr(one) == repr(other)) is (repr(same_model) == repr(other_model))


def test_an_event_that_holds_itself_can_be_shown() -> None:
    raw: dict[str, Any] = {}
    raw["again"] = UnknownServerEvent(type="x", raw=raw)
    assert "raw={'again': ...}" in repr(raw["again"])


def test_what_cannot_be_hashed_says_so() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(McpTool(server_label="a", headers={}))


def test_a_class_of_an_application_compares_as_its_own() -> None:
    @attrs.frozen(kw_only=True)
    class Mine(SystemMessageItem):
        colour: str

    assert Mine(colour="red") != Mine(colour="blue")
    assert repr(Mine(colour="red")).endswith(", colour='red')")


def test_what_has_no_extra_shares_one_that_nobody_can_write_to() -> None:
    extra: Any = InputAudioBufferCommit().extra
    assert extra is SystemMessageItem().extra == {}
    for write in (
        lambda: extra.__setitem__("a", 1),
        lambda: extra.setdefault("a", 1),
        lambda: extra.update(a=1),
        lambda: extra.__ior__({"a": 1}),
    ):
        with pytest.raises(TypeError, match=r"attrs\.evolve"):
            write()


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_a_copy_of_no_extra_is_a_plain_dict(again: Callable[[Any], Any]) -> None:
    copied = again(InputAudioBufferCommit().extra)
    assert type(copied) is dict
    assert copied == {}


@pytest.mark.parametrize(
    "value",
    [
        InputAudioBufferAppend(audio=b"\x00\x01", event_id="e", extra={"x": [1]}, raw={"y": 1}),
        UserMessageItem(content=(InputAudioPart(audio=b"\x00", transcript=None),)),
        UnknownServerEvent(type="x", raw={"a": 1}),
        SystemMessageItem(),
    ],
)
def test_events_and_objects_copy_and_pickle(value: Any) -> None:
    assert copy.deepcopy(value) == value
    assert pickle.loads(pickle.dumps(value)) == value
    assert attrs.evolve(value) == value


def test_absent_survives_copies() -> None:
    assert copy.deepcopy(UNSET) is pickle.loads(pickle.dumps(UNSET)) is UNSET
    assert not UNSET
    assert repr(UNSET) == "UNSET"


# --- what a repr must not show -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (InputAudioBufferAppend(audio=bytes(960)), "audio=<960 bytes>"),
        (ResponseOutputAudioDelta(item_id="i", delta=bytes(960)), "delta=<960 bytes>"),
        (InputAudioPart(audio=bytes(960)), "audio=<960 bytes>"),
        (InputAudioPart(), "audio=UNSET"),
        (InputAudioPart(audio=None), "audio=None"),
    ],
)
def test_audio_is_shown_by_its_size(value: Any, shown: str) -> None:
    assert shown in repr(value)
    assert len(repr(value)) < 250


def test_secrets_are_not_shown() -> None:
    tool = McpTool(server_label="s", authorization="hunter2", headers={"X": "hunter3"})
    assert "hunter" not in repr(tool)
    session = events.RealtimeSessionConfig(client_secret={"value": "ek_hunter"})
    assert "hunter" not in repr(session)


# --- errors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (ErrorDetail(type="invalid_request_error", code="invalid_value"), "invalid_value"),
        (ErrorDetail(type="invalid_json"), "invalid_json"),
        (ErrorDetail(type="invalid_json", code=None), "invalid_json"),
        (ErrorDetail(type="server_error", code=None), None),
        (ErrorDetail(message="boom"), None),
    ],
)
def test_the_cause_of_an_error_is_found_where_servers_put_it(error: ErrorDetail, cause: str | None) -> None:
    assert error.cause == cause


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_class_says_what_it_is(cls: Any) -> None:
    assert cls.__doc__
    assert cls.__doc__.splitlines()[0].rstrip().endswith((".", ":"))


def test_an_error_event_says_whether_trying_again_may_help() -> None:
    assert ErrorEvent(error=ConnectionLost("gone")).retryable
    assert not ErrorEvent(error=ProtocolError("odd")).retryable
