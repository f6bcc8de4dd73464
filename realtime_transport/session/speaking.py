"""What can be said and decided in a session: every verb acts at once and may be called from inside a listener."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Literal, TypeAlias

from realtime_transport.conversation.session_shape import session_from
from realtime_transport.events import ContentPart, Item, RealtimeSessionConfig, ResponseOptions
from realtime_transport.exceptions import InvalidArgument
from realtime_transport.session.agent import RealtimeAgent
from realtime_transport.session.approvals import ApprovalRequest, Decision
from realtime_transport.session.context import T
from realtime_transport.session.switchboard import Switchboard
from realtime_transport.session.update import AgentUpdate
from realtime_transport.transports import RealtimeTransportLayer, SendReceipt

Config: TypeAlias = RealtimeSessionConfig | Mapping[str, Any]


class Speaking(Generic[T]):
    """The verbs of a session."""

    transport: RealtimeTransportLayer
    """What carries the conversation; everything that it can do is at hand."""
    _board: Switchboard[T]

    # --- talking -----------------------------------------------------------------------------------------------------

    def send_message(
        self,
        message: str | Sequence[ContentPart],
        *,
        trigger_response: bool = True,
        role: Literal["user", "system", "assistant"] = "user",
        event_id: str | None = None,
    ) -> SendReceipt:
        """Add a message, text or parts (text, images), and ask for a response to it unless told not to."""
        return self.transport.send_message(message, role=role, respond=trigger_response, event_id=event_id)

    def add_image(
        self,
        image: str | bytes,
        *,
        text: str | None = None,
        detail: Literal["auto", "low", "high"] | str | None = None,
        trigger_response: bool = False,
    ) -> SendReceipt:
        """Show the agent a picture: PNG or JPEG bytes, or a ``data:`` URL; ``text`` goes before it."""
        return self.transport.add_image(image, text=text, detail=detail, respond=trigger_response)

    def send_audio(self, audio: bytes, *, commit: bool = False) -> SendReceipt:
        """Send the caller's speech in the input format of the session; ``commit`` ends the turn with it."""
        return self.transport.send_audio(audio, commit=commit)

    def mute(self, muted: bool = True) -> None:
        """Stop sending the caller's audio, or go on."""
        self.transport.mute(muted)

    def interrupt(self) -> SendReceipt:
        """Silence the agent and leave on both sides only what was heard. Also cancels tools that say so."""
        self._board.calls.disturb("interrupt")
        return self.transport.interrupt()

    def request_response(self, options: ResponseOptions | Mapping[str, Any] | None = None) -> SendReceipt:
        """Ask the agent to say something, in its turn."""
        return self.transport.request_response(options)

    # --- changing ----------------------------------------------------------------------------------------------------

    def update_agent(self, agent: RealtimeAgent[T]) -> AgentUpdate[T]:
        """Let ``agent`` speak from now on: its instructions, its tools, its guardrails. No handoff is announced.

        Begins at once; await the result to know that the server has accepted it.
        """
        update: AgentUpdate[T] = AgentUpdate(self._board.report)
        task = self._board.tasks.spawn(self._update_agent(agent, update), "update_agent")
        if task is None:
            update.abandon()
        else:  # it may be cancelled before its first step
            task.add_done_callback(lambda _: update.abandon())
        return update

    async def _update_agent(self, agent: RealtimeAgent[T], update: AgentUpdate[T]) -> None:
        try:
            update.succeed(await self._board.switch(agent))
        except Exception as error:  # noqa: BLE001  the application's callables, or the server's refusal
            update.fail(error)

    def update_session(self, changes: Config) -> SendReceipt:
        """Change how this call sounds and listens, whoever speaks: later agents keep it."""
        self._board.roster.change_ground(read_config(changes))
        return self.transport.update_session(changes)

    def update_history(self, items: Sequence[Item] | Callable[[tuple[Item, ...]], Sequence[Item]]) -> SendReceipt:
        """Make the conversation be ``items``, or what a function makes of it, with as few events as possible."""
        return self.transport.reset_history(items)

    # --- deciding ----------------------------------------------------------------------------------------------------

    def approve(self, call: ApprovalRequest | str, *, always: bool = False) -> None:
        """Let a waiting call run. ``always`` lets this tool run without asking for the rest of the session.

        :param call: the request of ``tool_approval_requested``, or its call id. Given the request, its arguments must
            be those that wait.
        :raises StateError: when nothing waits under that id, or with other arguments.
        """
        self._board.approvals.decide(call, Decision(approved=True), always=always)

    def reject(self, call: ApprovalRequest | str, message: str = "", *, always: bool = False) -> None:
        """Refuse a waiting call; the model reads ``message``. Raises like ``approve``."""
        self._board.approvals.decide(call, Decision(approved=False, message=message), always=always)

    @property
    def pending_approvals(self) -> tuple[ApprovalRequest, ...]:
        """The calls that wait for a person, oldest first."""
        return self._board.approvals.pending


def read_config(config: Config | None) -> RealtimeSessionConfig:
    """Take the session's own config, as an object or a mapping."""
    read = RealtimeSessionConfig() if config is None else session_from(config, RealtimeSessionConfig())
    if not isinstance(read, RealtimeSessionConfig):
        raise InvalidArgument("a session with agents is a realtime session", path="config.type")
    return read
