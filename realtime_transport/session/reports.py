"""The books of a session: history, usage and budget, MCP tools, the connection, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic

from realtime_transport.events import Item, McpCallItem, McpListToolsItem, McpToolInfo
from realtime_transport.events.transport import (
    ConnectedEvent,
    ConnectionChangeEvent,
    DisconnectedEvent,
    ErrorEvent,
    InputTranscriptDoneEvent,
    ItemDeletedEvent,
    ItemUpdateEvent,
    McpToolCallCompletedEvent,
    McpToolsListedEvent,
    RawEvent,
    UsageUpdateEvent,
)
from realtime_transport.session.announcer import Announcer
from realtime_transport.session.context import T
from realtime_transport.session.events import (
    BudgetExceededEvent,
    HistoryAddedEvent,
    HistoryUpdatedEvent,
    McpToolsChangedEvent,
    SessionConnectedEvent,
    SessionConnectionChangeEvent,
    SessionDisconnectedEvent,
    SessionMcpToolCallCompletedEvent,
    SessionRawEvent,
    SessionUsageEvent,
)
from realtime_transport.session.roster import Roster
from realtime_transport.session.usage import Budget, SessionUsage


class Reports(Generic[T]):
    """What is known of one session so far."""

    def __init__(
        self,
        announcer: Announcer[T],
        roster: Roster[T],
        *,
        history: Callable[[], tuple[Item, ...]],
        budget: Budget | None,
        stop: Callable[[], None],
    ) -> None:
        self.usage: SessionUsage = SessionUsage()
        self._announcer = announcer
        self._roster = roster
        self._history = history
        self._budget = budget
        self._stop = stop
        self._over_budget = False
        self._hosted: dict[str, tuple[McpToolInfo, ...]] = {}

    # --- history -----------------------------------------------------------------------------------------------------

    def item_updated(self, event: ItemUpdateEvent) -> None:
        """Tell of a new or changed item."""
        if event.added:
            self._announcer.tell(HistoryAddedEvent, item=event.item, index=event.index)
        self._history_changed()

    def item_deleted(self, _: ItemDeletedEvent) -> None:
        """Tell that an item is gone."""
        self._history_changed()

    def _history_changed(self) -> None:
        if self._announcer.listens(HistoryUpdatedEvent):  # the snapshot costs as much as the history is long
            self._announcer.tell(HistoryUpdatedEvent, history=self._history())

    # --- what it costs -----------------------------------------------------------------------------------------------

    def spent(self, event: UsageUpdateEvent) -> None:
        """Add up a response."""
        self.usage = self.usage.with_response(event.usage)
        agent = self._roster.owner(event.response_id).agent
        self._announcer.tell(
            SessionUsageEvent, agent, response_id=event.response_id, usage=event.usage, total=self.usage
        )
        self._mind_budget()

    def transcribed(self, event: InputTranscriptDoneEvent) -> None:
        """Add up a transcription, which is billed apart."""
        if event.usage is None:
            return
        self.usage = self.usage.with_transcription(event.usage)
        self._announcer.tell(SessionUsageEvent, response_id=None, usage=None, total=self.usage)
        self._mind_budget()

    def _mind_budget(self) -> None:
        if self._budget is None or self._over_budget or not self._budget.exceeded_by(self.usage):
            return
        self._over_budget = True
        self._announcer.tell(BudgetExceededEvent, total=self.usage)
        if self._budget.on_exceeded == "close":
            self._stop()

    # --- MCP ---------------------------------------------------------------------------------------------------------

    @property
    def mcp_tools(self) -> tuple[McpToolInfo, ...]:
        """What the current agent can reach over MCP, hosted and local."""
        hosted = self._roster.hosted_labels()
        listed = [tool for label, tools in self._hosted.items() if label in hosted for tool in tools]
        return (*listed, *self._roster.local_mcp_tools())

    def mcp_tools_changed(self) -> None:
        """Tell that another set of tools is in reach: servers listed them, changed them, or the agent changed."""
        self._announcer.tell(McpToolsChangedEvent, tools=self.mcp_tools)

    def tools_listed(self, event: McpToolsListedEvent) -> None:
        """Note what a hosted server offers."""
        if isinstance(event.item, McpListToolsItem):
            self._hosted[event.item.server_label] = event.item.tools
            self.mcp_tools_changed()

    def mcp_call_completed(self, event: McpToolCallCompletedEvent) -> None:
        """Tell that a hosted tool ran."""
        if isinstance(event.item, McpCallItem):
            self._announcer.tell(SessionMcpToolCallCompletedEvent, item=event.item, failed=event.failed)

    # --- the connection ----------------------------------------------------------------------------------------------

    def connection_changed(self, event: ConnectionChangeEvent) -> None:
        """Pass a transition on."""
        self._announcer.tell(SessionConnectionChangeEvent, state=event.state, previous=event.previous)

    def connected(self, event: ConnectedEvent) -> None:
        """Pass it on."""
        self._announcer.tell(SessionConnectedEvent, session_id=event.session_id, epoch=event.epoch)

    def disconnected(self, event: DisconnectedEvent) -> None:
        """Pass the end on, with its reason."""
        self._announcer.tell(SessionDisconnectedEvent, code=event.code, reason=event.reason, clean=event.clean)

    def failed(self, event: ErrorEvent) -> None:
        """Pass an error on."""
        self._announcer.error(event.error, event_id=event.event_id, path=event.path)

    def raw(self, event: RawEvent) -> None:
        """Pass a frame on. Attached only when somebody listens: it is every frame."""
        self._announcer.tell(SessionRawEvent, event=event.event)
