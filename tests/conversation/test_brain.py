"""What a brain is asked."""

from __future__ import annotations

from typing import Any

from realtime_transport.conversation.brain import DeafTranscriber, GenerationRequest, Heard, words_in
from realtime_transport.events import (
    AssistantMessageItem,
    FunctionCallItem,
    FunctionCallOutputItem,
    InputAudioPart,
    InputTextPart,
    Item,
    McpApprovalRequestItem,
    McpCallItem,
    McpError,
    McpListToolsItem,
    McpToolInfo,
    OutputTextPart,
    RealtimeSessionConfig,
    ResponseOptions,
    SystemMessageItem,
    UserMessageItem,
)
from realtime_transport.exceptions import ServerError


def user(text: str) -> UserMessageItem:
    return UserMessageItem(content=(InputTextPart(text=text),))


def assistant(text: str) -> AssistantMessageItem:
    return AssistantMessageItem(content=(OutputTextPart(text=text),))


def spoken(item_id: str, words: str = "", audio: bytes = b"\1\0") -> tuple[UserMessageItem, Heard]:
    item = UserMessageItem(id=item_id, content=(InputAudioPart(transcript=None),))
    return item, Heard(item_id=item_id, audio=audio, words=words)


def request(*items: Item, heard: tuple[Heard, ...] = (), turn: int = 1, modality: Any = "audio") -> GenerationRequest:
    return GenerationRequest(
        response_id="resp_1",
        turn=turn,
        modality=modality,
        session=RealtimeSessionConfig(),
        options=ResponseOptions(),
        items=items,
        heard=heard,
    )


CALL = FunctionCallItem(name="get_weather", call_id="c1", arguments="{}")


def output(text: str, call_id: str = "c1") -> FunctionCallOutputItem:
    return FunctionCallOutputItem(call_id=call_id, output=text)


# --- requests --------------------------------------------------------------------------------------------------------


def test_news_is_what_came_after_the_models_last_word() -> None:
    last = user("And now?")
    asked = request(user("Hi."), assistant("Hello."), SystemMessageItem(), last)
    assert asked.news[-1] is last
    assert len(asked.news) == 2
    assert request(user("Hi.")).words == "Hi."
    assert request().news == ()


def test_words_are_written_and_spoken() -> None:
    old, old_heard = spoken("a", "Old words.")
    new, new_heard = spoken("b", "New words.", b"\2\0")
    asked = request(old, assistant("Hello."), user("Look:"), new, heard=(old_heard, new_heard))
    assert asked.words == "Look: New words."
    assert asked.speech == b"\2\0"


def test_speech_without_known_words() -> None:
    item, heard = spoken("a")
    assert request(item, heard=(heard,)).words == ""
    assert request(item).words == ""


def test_an_output_is_news_and_no_word_of_the_callers() -> None:
    assert request(CALL, output("21"), user("And now?")).words == "And now?"


def test_outputs_have_the_names_of_their_functions() -> None:
    stray = FunctionCallOutputItem(call_id="other", output="?")
    assert request(CALL, output("21"), stray).tool_outputs == (("get_weather", "21"), ("", "?"))


def test_a_deaf_server() -> None:
    assert DeafTranscriber().transcribe(b"\1\0") == ""


def test_words_that_cannot_be_had_are_none() -> None:
    class Fails:
        def transcribe(self, audio: bytes) -> str:
            raise ServerError("No such model.")

    class Counts:
        def transcribe(self, audio: bytes) -> str:
            return f"{len(audio)} bytes"

    assert words_in(b"\1\0", Fails()) == ""
    assert words_in(b"\1\0", Counts()) == "2 bytes"


# --- tools of MCP servers --------------------------------------------------------------------------------------------


def mcp_call(output: str | None, error: McpError | str | None = None) -> McpCallItem:
    return McpCallItem(server_label="maps", name="find", arguments="{}", output=output, error=error)  # type: ignore[arg-type]


def test_an_mcp_call_that_has_run_is_news_and_one_that_has_not_is_the_models() -> None:
    assert request(user("Where?"), mcp_call("here")).tool_outputs == (("find", "here"),)
    assert request(mcp_call(None, "lost")).tool_outputs == (("find", "lost"),)
    assert request(mcp_call(None)).tool_outputs == ()
    assert request(output("21"), mcp_call(None)).tool_outputs == ()
    asked = McpApprovalRequestItem(id="a", server_label="maps", name="find", arguments="{}")
    assert request(user("Where?"), asked).words == ""


def test_an_mcp_error_is_told_by_its_message() -> None:
    failed = mcp_call(None, McpError(type="http_error", message="no such place"))
    assert request(failed).tool_outputs == (("find", "no such place"),)


def test_the_tools_that_mcp_servers_have_listed() -> None:
    tool = McpToolInfo(name="find", input_schema={})
    listed = McpListToolsItem(server_label="maps", tools=(tool,))
    assert request(listed, user("Where?")).mcp_tools == (("maps", tool),)
    assert request(user("Where?")).mcp_tools == ()
