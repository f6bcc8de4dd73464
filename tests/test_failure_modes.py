"""What can go wrong between the server, the caller of the library and the machine, and which tests hold each case.

A row is a number, what is right when it happens, and tests that fail when it is not. The tests named here exist, or
this one fails. The numbers are those in the names of tests (``test_fm48_...``).
"""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import attrs
import pytest

TESTS = Path(__file__).parent


@attrs.frozen
class Row:
    """One thing that goes wrong."""

    number: int
    right: str
    tests: tuple[str, ...]


def row(number: int, right: str, *tests: str) -> Row:
    return Row(number, right, tests)


MESSAGES = [
    row(
        34,
        "An unknown event is told raw, under its own name, and counted.",
        "conversation/test_client.py::test_fm34_an_unknown_event_is_told_raw_and_counted",
        "wire/test_bad_input.py::test_fm_34_to_40_frames_of_the_field",
    ),
    row(
        35,
        "Unknown fields are kept at every level and written again as they came.",
        "wire/test_converter.py::test_unknown_fields_are_kept_at_every_level",
        "wire/test_round_trip.py::test_captured_frames_come_back_the_same",
        "wire/test_converter.py::test_extra_never_overrides_a_field",
    ),
    row(
        36,
        "A field that is missing or of another kind is reported with its path; the event is still told.",
        "wire/test_bad_input.py::test_fm_36_every_field_deleted",
        "wire/test_bad_input.py::test_fm_36_every_field_retyped",
    ),
    row(
        37,
        "What is no JSON is reported and dropped; the twentieth in a row closes with 1002.",
        "wire/test_bad_input.py::test_fm_37_truncated_at_every_byte",
        "wire/test_bad_input.py::test_fm_37_outside_of_json",
        "wire/test_bad_input.py::test_fm_37_inside_of_json",
        "wire/test_bad_input.py::test_a_lone_surrogate_is_replaced_and_the_rest_is_kept",
        "transports/test_driver.py::test_fm37_twenty_bad_frames_in_a_row",
        "transports/test_websocket.py::test_fm37_twenty_bad_frames_in_a_row_close_with_1002",
    ),
    row(38, "JSON that is no object, or has no type, is the same.", "wire/test_bad_input.py::test_fm_38_not_an_object"),
    row(
        39,
        "A binary frame is read like a text frame, and is as bad as one that cannot be read.",
        "wire/test_bad_input.py::test_fm_39_binary",
        "transports/test_websocket.py::test_fm39_a_binary_frame_is_read_like_a_text_frame",
    ),
    row(
        40,
        "Audio that is not strict base64 is an error with a path and never some other sound.",
        "wire/test_values.py::test_audio_is_nothing_but_base64",
        "wire/test_bad_input.py::test_fm_34_to_40_frames_of_the_field",
    ),
    row(
        41,
        "Half a sample waits for its other half; at the end it is dropped with a word.",
        "conversation/test_normalize_output.py::test_fm41_split_at_any_bytes_the_samples_stay_whole",
        "conversation/test_normalize_output.py::test_fm41_half_a_sample_at_the_end_is_dropped_with_a_word",
    ),
    row(
        42,
        "Events of megabytes are accepted.",
        "wire/test_bad_input.py::test_fm_42_a_frame_of_16_mib_is_read",
        "transports/test_websocket.py::test_fm42_a_frame_of_15_mb_is_accepted",
    ),
    row(
        43,
        "A frame above the limit closes with 1009, and costs no more than its size.",
        "transports/test_websocket.py::test_fm43_a_gigantic_frame_closes_with_1009",
        "transports/test_websocket.py::test_fm43_a_gigantic_frame_while_connecting",
        "wire/test_bad_input.py::test_fm_43_a_hostile_frame_costs_no_more_than_its_size",
    ),
    row(
        44,
        "Compression is off; where it is on, a bomb is inflated to the limit and no further.",
        "transports/test_hostile_frames.py::test_fm44_a_compression_bomb_is_inflated_to_the_limit_and_no_further",
        "transports/test_hostile_frames.py::test_fm44_compression_is_off_unless_asked_for",
    ),
    row(
        45,
        "Tiny fragments are read up to a bound, and a flood of pings is borne.",
        "transports/test_hostile_frames.py::test_fm45_crumbs_and_floods_are_borne",
        "transports/test_hostile_frames.py::test_fm45_fragments_without_end_close_with_1009",
    ),
    row(
        46,
        "Responses that run beside each other are told apart by their ids.",
        "conversation/test_normalize_output.py::test_fm46_interleaved_parts_are_never_mixed",
        "conversation/test_playout.py::test_fm46_interleaved_parts_keep_their_own_account",
        "conversation/test_responses.py::test_fm46_responses_outside_the_conversation_run_beside",
    ),
    row(
        47,
        "Words before their item wait for it; the whole text counts more than its pieces.",
        "conversation/test_history.py::test_fm47_any_sequence_of_facts_ends_in_the_whole_text",
        "conversation/test_normalize_output.py::test_fm47_the_whole_counts_more_than_its_pieces_and_a_difference_is_reported",
        "conversation/test_normalize_output.py::test_fm47_an_end_without_pieces_is_whole",
        "conversation/test_normalize_output.py::test_fm47_words_before_their_item_are_told_at_once_and_recorded_when_it_comes",
    ),
    row(
        48,
        "In whatever order items arrive, they end in the server's; one without its predecessor is kept and marked.",
        "conversation/test_chain.py::test_fm48_every_order_of_arrival_gives_the_order_of_the_server",
        "conversation/test_history.py::test_fm48_every_order_of_arrival_gives_the_same_record",
        "conversation/test_history.py::test_fm48_an_item_that_waits_is_kept_placed_in_the_end_and_marked",
        "conversation/test_chain.py::test_fm48_an_item_waits_five_seconds_and_is_then_placed_at_the_end",
    ),
    row(
        49,
        "The caller's words go to their item, whenever they come.",
        "conversation/test_history.py::test_fm49_the_callers_words_go_to_their_item_whenever_they_come",
        "conversation/test_normalize_input.py::test_fm49_words_of_the_caller_go_to_their_item_whenever_they_come",
    ),
    row(
        50,
        "What comes after its end is counted and dropped.",
        "conversation/test_client.py::test_fm50_what_comes_after_the_end_is_counted_and_dropped",
        "conversation/test_history.py::test_fm50_what_still_comes_of_a_deleted_item_is_counted",
        "conversation/test_interruption.py::test_fm50_deltas_after_done_are_stale",
    ),
    row(
        51,
        "An event that comes twice is told once.",
        "conversation/test_client.py::test_fm51_an_event_that_comes_again_is_told_once",
        "conversation/test_client.py::test_fm51_events_without_an_id_are_all_different",
    ),
    row(
        52,
        "An error that names a call fails that call, and is told.",
        "conversation/test_normalize_errors.py::test_fm52_an_error_fails_the_call_that_it_names_and_is_told",
        "conversation/test_responses.py::test_fm52_another_refusal_fails_its_request_and_frees_the_slot",
    ),
    row(
        53,
        "An error that names nothing is told.",
        "conversation/test_normalize_errors.py::test_fm53_an_error_of_nobodys_is_told",
    ),
    row(
        54,
        "How a turn ended is never dropped, and a failure is never an empty success.",
        "conversation/test_normalize_responses.py::test_fm54_the_status_of_a_turn_is_never_dropped",
        "conversation/test_normalize_responses.py::test_fm54_a_failed_turn_says_why",
        "conversation/test_normalize_responses.py::test_fm54_a_failure_without_words_is_a_failure",
    ),
    row(
        55, "Rate limits are passed on.", "conversation/test_normalize_session.py::test_fm55_rate_limits_are_passed_on"
    ),
]

REQUESTS = [
    row(
        56,
        "One response at a time: the next request waits for the end of this one.",
        "conversation/test_responses.py::test_fm56_a_second_request_waits_for_done",
        "conversation/test_states.py::test_fm56_a_request_leaves_from_idle_and_nowhere_else",
        "conversation/test_client_and_server.py::TestTalk",
    ),
    row(
        57,
        "Cancelling what is over is no error.",
        "conversation/test_responses.py::test_fm57_cancel_with_nothing_active_is_benign_and_sends_nothing",
        "conversation/test_responses.py::test_fm57_a_cancel_that_the_server_finds_late_is_benign",
    ),
    row(
        58,
        "An interruption that crosses the end still truncates what was not heard.",
        "conversation/test_interruption.py::test_fm58_after_generation_is_over_the_sound_is_cut_and_nothing_cancelled",
        "conversation/test_interruption.py::test_barge_in_that_crosses_done_still_truncates",
        "conversation/test_responses.py::test_fm58_a_cancel_that_crosses_done_is_settled_once",
    ),
    row(
        59,
        "A truncation is never past the end; one that is refused fetches the item.",
        "conversation/test_playout.py::test_fm59_what_was_heard_is_whole_and_never_past_the_end",
        "conversation/test_intents.py::test_fm59_a_truncation_is_never_past_the_end",
        "conversation/test_interruption.py::test_fm59_a_refused_truncation_fetches_the_item_and_tells",
    ),
    row(
        60,
        "Only what was spoken here can be truncated; nothing is sent otherwise.",
        "conversation/test_intents.py::test_fm60_only_what_was_spoken_here_can_be_truncated",
        "conversation/test_intents.py::test_fm60_an_item_that_is_being_deleted_cannot_be_truncated",
        "conversation/test_intents.py::test_fm60_an_unknown_item_and_an_unknown_part_cannot_be_truncated",
    ),
    row(
        61,
        "Less than a tenth of a second is not committed.",
        "conversation/test_intents.py::test_fm61_less_than_100_ms_is_not_committed",
        "conversation/test_intents.py::test_fm61_without_turn_detection_an_empty_buffer_is_one",
        "conversation/test_intents.py::test_fm61_under_turn_detection_an_empty_buffer_is_no_error",
    ),
    row(
        62,
        "Audio above the server's limit goes in several events; half a sample is refused.",
        "conversation/test_intents.py::test_fm62_above_the_servers_limit_audio_goes_in_several_events",
        "conversation/test_intents.py::test_a_refusal_says_what_is_wrong_and_what_to_do",
        "conversation/test_intents.py::test_fm62_what_is_not_bytes_is_refused",
    ),
    row(
        63,
        "Cancelling a sender sends its frame whole or not at all.",
        "transports/test_driver.py::test_fm63_cancelling_a_sender_takes_nothing_back_and_breaks_nothing",
    ),
    row(
        64,
        "Frames of several senders never mix.",
        "transports/test_driver.py::test_fm64_concurrent_senders_never_interleave",
    ),
    row(
        65,
        "A slow network holds awaiting senders back, gives up the oldest audio of the others, and says so.",
        "transports/test_websocket.py::test_fm65_awaiting_receipts_waits_for_a_slow_peer",
        "transports/test_websocket.py::test_fm65_unawaited_audio_gives_up_the_oldest_and_says_so",
        "transports/test_websocket.py::test_fm65_a_peer_that_takes_nothing_is_given_up",
    ),
    row(
        66,
        "A change of the session that cannot be is refused at the call, or fails it.",
        "conversation/test_session_config.py::test_fm66_the_voice_is_fixed_once_audio_came",
        "conversation/test_session_config.py::test_fm66_the_kind_of_a_session_cannot_change",
        "conversation/test_session_config.py::test_fm66_a_refused_update_fails_and_is_no_wish_any_more",
    ),
    row(
        67,
        "An id that is taken or too long is refused here.",
        "conversation/test_intents.py::test_fm67_an_id_that_is_taken_is_refused",
        "conversation/test_intents.py::test_fm67_an_id_that_is_about_to_be_taken_is_refused",
        "conversation/test_intents.py::test_fm67_an_id_that_is_too_long_is_refused",
    ),
]

APPLICATION = [
    row(
        68,
        "A listener that raises harms no other.",
        "test_emitter.py::test_fm68_a_raising_listener_harms_no_other_and_is_reported_once",
    ),
    row(
        69,
        "So does a coroutine; it is reported once and never found unretrieved.",
        "test_emitter.py::test_fm69_a_raising_coroutine_is_reported_once_and_goes_on",
    ),
    row(
        70,
        "An error listener that raises is logged once, and not told itself.",
        "test_emitter.py::test_fm70_a_raising_error_listener_is_logged_and_not_told",
    ),
    row(
        71,
        "KeyboardInterrupt passes through a listener, and the connection closes with 1001.",
        "test_emitter.py::test_fm71_what_is_no_exception_passes",
        "transports/test_websocket.py::test_fm71_keyboard_interrupt_in_a_listener_reaches_run_and_closes_with_1001",
        "test_emitter.py::test_fm71_what_is_no_exception_in_a_coroutine_listener_is_told_and_the_rest_is_served",
    ),
    row(
        72,
        "A plain listener that blocks the loop is named.",
        "test_emitter.py::test_fm72_a_slow_plain_listener_is_named_once",
    ),
    row(
        73,
        "A slow coroutine has a bounded queue and a policy; the reader never waits for it.",
        "test_emitter.py::test_fm73_a_full_listener_is_taken_off_and_named",
        "test_emitter.py::test_fm73_audio_forgets_the_oldest_and_says_how_much",
        "test_emitter.py::test_fm73_taking_off_who_blocks_lets_the_driver_read_on",
        "transports/test_hearing.py::test_fm73_one_who_hears_server_events_may_stop_the_reading",
        "test_emitter.py::test_block_makes_room_again",
    ),
    row(74, "Coroutines see events in order.", "test_emitter.py::test_fm74_order_over_100_000_events"),
    row(
        75,
        "Listeners may add, remove, emit and close from inside.",
        "test_emitter.py::test_fm75_a_listener_may_remove_itself",
        "test_emitter.py::test_fm75_a_listener_added_by_another_hears_the_next_event",
        "test_emitter.py::test_fm75_a_listener_removed_by_another_still_hears_the_event_being_emitted",
        "test_emitter.py::test_fm75_a_listener_may_wait_for_the_end_in_tasks_of_its_own",
        "transports/test_endings.py::test_close_from_inside_a_coroutine_listener",
    ),
    row(
        76,
        "A tool that raises is answered by the kind of its error; only a ToolError tells its text.",
        "session/test_outputs.py::test_only_a_tool_error_tells_its_text",
        "session/test_calls.py::test_whatever_goes_wrong_is_answered_and_the_talk_goes_on",
    ),
    row(
        77,
        "A tool that hangs is cancelled and answered.",
        "session/test_runner.py::test_a_tool_that_takes_too_long_is_cancelled",
    ),
    row(
        78,
        "A thread that does not end is counted, and there is a bound.",
        "session/test_runner.py::test_orphans_are_counted_bounded_and_their_late_results_dropped",
        "session/test_runner.py::test_a_thread_that_does_not_end_is_an_orphan",
    ),
    row(
        79,
        "A tool that is cancelled is answered, or named when nobody is there to answer.",
        "session/test_calls.py::test_an_interruption_cancels_the_tools_that_say_so",
        "session/test_calls.py::test_a_lost_connection_cancels_tools_and_says_what_was_never_answered",
    ),
    row(
        80,
        "An unknown tool and bad arguments are answered and never run.",
        "session/test_calls.py::test_an_unknown_tool_is_told_what_there_is",
        "session/test_signature.py::test_bad_arguments_name_their_path",
        "session/test_signature.py::test_nesting_without_end_is_an_error_and_no_crash",
        "session/test_signature.py::test_no_text_escapes_as_another_exception",
    ),
    row(
        81,
        "The same call again does not run again; with other arguments it is an error.",
        "conversation/test_toolcalls.py::test_fm81_the_same_call_again_does_not_run_again",
        "conversation/test_toolcalls.py::test_fm81_the_same_id_with_something_else_is_an_error",
        "conversation/test_item_news.py::test_fm81_a_call_that_comes_again_with_other_arguments_is_reported_and_not_told",
    ),
    row(
        82,
        "An output without a JSON form is answered; one that is too long is cut with a marker.",
        "session/test_outputs.py::test_what_has_no_json_form_is_still_answered",
        "session/test_outputs.py::test_a_long_output_is_cut_with_a_marker_inside_the_limit",
    ),
    row(
        83,
        "All outputs of a response are followed by one response.",
        "conversation/test_toolcalls.py::test_fm83_all_outputs_first_then_exactly_one_response",
        "conversation/test_composites.py::test_fm83_outputs_during_a_response_are_sent_at_once_and_followed_by_one_response",
        "session/test_calls.py::test_parallel_tools_that_end_at_different_times_give_one_response",
    ),
    row(
        84,
        "An output that was not confirmed is sent again on the next connection, and named when there is none.",
        "conversation/test_toolcalls.py::test_fm84_what_was_not_confirmed_is_sent_again",
        "session/test_calls.py::test_an_output_that_crosses_the_end_of_the_connection_is_reported",
    ),
    row(
        85,
        "A guardrail that fails keeps a tool from running; what it means for speech is chosen.",
        "session/test_execution.py::test_a_guardrail_that_fails_keeps_the_tool_from_running",
        "session/test_watch.py::test_a_check_that_fails_or_hangs",
    ),
    row(
        86,
        "A guardrail trips once, in the middle of speech, and cuts it.",
        "session/test_watch.py::test_it_trips_once_and_the_rest_is_not_looked_at",
        "session/test_watch.py::test_the_pace_is_milliseconds_of_audio",
    ),
    row(
        87,
        "Nobody deciding is a no.",
        "conversation/test_toolcalls.py::test_fm87_nobody_deciding_is_a_no",
        "session/test_approvals.py::test_silence_is_denied",
    ),
]

LIFE = [
    row(88, "Closing twice, at once, in finally and after a cancellation is one closing, and bounded.",
        "transports/test_endings.py::test_fm88_closing_is_bounded_whatever_hangs",
        "transports/test_endings.py::test_close_in_finally_after_cancellation",
        "transports/test_endings.py::test_a_cancelled_close_goes_on_without_its_caller",
        "transports/test_loopback.py::test_contract"),
    row(89, "A peer that ignores the close frame is left.",
        "transports/test_websocket.py::test_fm89_a_peer_that_ignores_the_close_frame"),
    row(90, "Another loop is told so; a loop that ends takes nothing with it.",
        "transports/test_endings.py::test_fm90_a_transport_of_another_loop",
        "transports/test_websocket.py::test_fm90_another_loop_is_told_so",
        "transports/test_endings.py::test_the_loop_ends_in_the_middle_of_the_ending"),
    row(91, "A transport that is forgotten says where it was made, and lets go of its socket.",
        "transports/test_endings.py::test_fm91_a_forgotten_transport_complains_and_drops_its_medium",
        "transports/test_websocket.py::test_fm91_a_forgotten_transport_complains_and_lets_go_of_its_socket"),
    row(92, "A block that raises closes the connection and raises what it raised.",
        "transports/test_endings.py::test_fm92_the_block_closes_with_1001_when_it_raises"),
    row(93, "Every test fails on whatever it leaves behind.",
        "test_conftest.py::test_fm93_whatever_is_left_behind_fails_its_test"),
    row(94, "The record is bounded by count and bytes.",
        "conversation/test_history.py::test_fm94_the_oldest_items_leave_when_there_are_too_many",
        "conversation/test_history.py::test_fm94_the_oldest_items_leave_when_they_are_too_big"),
    row(95, "Every queue has a bound.",
        "test_layers.py::test_fm95_queues_in_drivers_have_a_bound"),
]  # fmt: skip

ROWS = [*MESSAGES, *REQUESTS, *APPLICATION, *LIFE]


@functools.cache
def names_in(path: Path) -> frozenset[str]:
    """Return what pytest collects from the top of a module: functions, classes, and names that classes are given."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found.update(target.id for target in node.targets if isinstance(target, ast.Name))
    return frozenset(found)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"fm{row.number}")
def test_every_row_has_tests_that_exist(row: Row) -> None:
    assert row.tests, row.right
    for name in row.tests:
        path, _, test = name.partition("::")
        assert test in names_in(TESTS / path), name


def test_no_row_is_missing() -> None:
    assert [row.number for row in ROWS] == list(range(34, 96))
