"""``Emulator``: the whole server on a free port of this machine, or its app for somebody else's server."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from realtime_transport.conversation.brain import Transcriber
from realtime_transport.conversation.mcp_script import ScriptedServers
from realtime_transport.conversation.peer import PACE
from realtime_transport.conversation.server import ServerLimits, ServerTraits
from realtime_transport.emulator.access import Access, is_loopback
from realtime_transport.emulator.behaviour import AnyBrain, Behaviour, BrainFactory, behaviour, factory
from realtime_transport.emulator.calls import Call
from realtime_transport.emulator.certificate import self_signed
from realtime_transport.emulator.faults import Faults, FaultSource
from realtime_transport.emulator.padding import obfuscation
from realtime_transport.emulator.sessions import MAX_SESSIONS, Sessions
from realtime_transport.emulator.socket_session import MAX_FRAME_BYTES, Observer
from realtime_transport.emulator.transcriber import clip_transcriber
from realtime_transport.emulator.webhooks import WebhookTarget
from realtime_transport.exceptions import InvalidArgument, MissingExtra, StateError

if TYPE_CHECKING:
    import uvicorn
    from starlette.applications import Starlette

NO_FAULTS: Final = Faults()


class Emulator:
    """A server of the Realtime protocol that needs no key, no money and no network.

        async with Emulator() as server:
            ...  # connect to server.url

    ``brain`` answers: a name (``speech``, ``echo``, ``improvise``), ``chat=URL``, ``script=FILE``, a brain for all
    sessions, or a function that makes one for each. ``port`` 0 takes a free one. Without ``token`` any key is accepted,
    and ``host`` must be this machine; with one, clients have to present it. ``tls`` is (certificate, key) as PEM files,
    or ``self-signed``. ``pace`` is how many times faster than real time speech is sent, None for all at once.
    ``faults`` go wrong on purpose, on every connection or, by a function of its number, on some; a client may ask for
    more in its URL (``?fault.close_at=response.created``). ``mcp`` are MCP servers on paper, by label; others are
    reached when they are on this machine. ``observe`` is called with the id of each session and gives who is told of
    all that is said in it. ``webhook`` is told of calls that ``ring``. ``limits`` say how long a session may last, and
    ``max_sessions`` how many there may be.

    Raises ``InvalidArgument`` for a host that others can reach without a token and for a certificate that cannot be
    used, ``MissingExtra`` without the extra ``server``, ``StateError`` when it is started twice. Leaving the context
    closes every session with 1001.
    """

    def __init__(
        self,
        brain: str | AnyBrain | BrainFactory = "speech",
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        token: str | None = None,
        tls: tuple[Path, Path] | Literal["self-signed"] | None = None,
        pace: float | None = PACE,
        latency_ms: float = 0.0,
        beta: bool = False,
        faults: FaultSource | None = None,
        transcriber: Transcriber | None = None,
        mcp: ScriptedServers | None = None,
        observe: Callable[[str], Observer] | None = None,
        max_sessions: int = MAX_SESSIONS,
        webhook: WebhookTarget | None = None,
        limits: ServerLimits | None = None,
        traits: ServerTraits | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        if token is None and not is_loopback(host):
            raise InvalidArgument("a server that others can reach needs a token", path="host")
        self._host, self._port, self._tls = host, port, tls
        self._certificate: tuple[Path, Path] | None = tls if isinstance(tls, tuple) else None
        acts = behaviour(brain) if isinstance(brain, str) else Behaviour(brain=factory(brain))
        self._sessions = Sessions(
            brain=acts.brain,
            pace=pace,
            latency_ms=latency_ms,
            transcriber=transcriber or clip_transcriber(),
            limits=limits or ServerLimits(),
            traits=traits or ServerTraits(padding=obfuscation),
            wall_clock=wall_clock,
            beta=beta,
            faults=faults or acts.faults or NO_FAULTS,
            access=Access(token, wall_clock),
            mcp={**acts.mcp, **(mcp or {})},
            observe=observe,
            max_sessions=max_sessions,
            webhook=webhook,
        )
        self._server: uvicorn.Server | None = None
        self._listener: socket.socket | None = None
        self._secrets: TemporaryDirectory[str] | None = None
        """Where the certificate is that was made for this run."""

    # --- addresses -----------------------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """Where it listens. Raises ``StateError`` before it was started."""
        if self._listener is None:
            raise StateError("the emulator is not running")
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """What a client connects to: ``ws://127.0.0.1:54321/v1/realtime``."""
        return f"{'wss' if self._tls else 'ws'}://{self._address}/v1/realtime"

    @property
    def http_url(self) -> str:
        """Base of the HTTP endpoints: ``http://127.0.0.1:54321/v1``."""
        return f"{'https' if self._tls else 'http'}://{self._address}/v1"

    @property
    def certificate(self) -> Path | None:
        """What a client has to trust: the certificate as a PEM file. None without TLS, and before it was made."""
        return self._certificate[0] if self._certificate is not None else None

    @property
    def _address(self) -> str:
        return f"[{self._host}]:{self.port}" if ":" in self._host else f"{self._host}:{self.port}"

    # --- running -------------------------------------------------------------------------------------------------

    def app(self) -> Starlette:
        """Make the ASGI application alone, to be mounted into another one. ``stop`` ends its sessions."""
        try:
            from realtime_transport.emulator.app import make_app
        except ImportError as error:
            raise MissingExtra(error.name or "starlette", "server") from error
        return make_app(self._sessions)

    async def start(self) -> None:
        """Listen; returns when connections are accepted.

        The first turn of the first caller finds everything loaded: numpy alone would take a third of a second of it.
        """
        if self._listener is not None:
            raise StateError("the emulator is already running")
        app = self.app()
        self._sessions.warm_up()
        try:
            await self._listen(app)
        except BaseException:
            await self.stop()
            raise

    async def _listen(self, app: Starlette) -> None:
        try:
            import uvicorn
        except ImportError as error:
            raise MissingExtra("uvicorn", "server") from error
        if self._tls == "self-signed":
            self._secrets = TemporaryDirectory(prefix="realtime-transport-")
            self._certificate = self_signed(Path(self._secrets.name), self._host, self._sessions.wall_clock())
        config = uvicorn.Config(app, **self._uvicorn_options())
        try:
            config.load()
        except OSError as error:
            files = " and ".join(str(path) for path in self._certificate or ())
            raise InvalidArgument(f"{files} cannot be used: {error}", path="tls") from error
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        self._listener = socket.create_server((self._host, self._port), family=family)
        # What is accepted inherits it. asyncio sees to that only for sockets that it made itself, and with Nagle's
        # algorithm a frame waits up to 40 ms for the acknowledgement of the one before.
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._server = uvicorn.Server(config)
        self._server.lifespan = config.lifespan_class(config)
        await self._server.startup([self._listener])

    def _uvicorn_options(self) -> dict[str, Any]:
        from realtime_transport.emulator.tcp import TAPPED_PROTOCOL

        certificate, key = self._certificate or (None, None)
        return {
            "log_config": None,  # the application that runs us has its own
            "access_log": False,
            "lifespan": "off",
            "ws": TAPPED_PROTOCOL,
            "ws_max_size": MAX_FRAME_BYTES,
            "ws_per_message_deflate": False,  # base64 of speech does not get smaller; the live service offers none
            "timeout_graceful_shutdown": 5,
            "ssl_certfile": certificate,
            "ssl_keyfile": key,
        }

    async def stop(self) -> None:
        """Close every session with 1001 and stop listening. Does nothing when it is not running."""
        await self._sessions.stop()
        server, self._server = self._server, None
        listener, self._listener = self._listener, None
        if server is not None and listener is not None:
            await server.shutdown([listener])
        if self._secrets is not None:
            self._secrets.cleanup()
            self._secrets, self._certificate = None, None

    # --- calls ---------------------------------------------------------------------------------------------------

    def ring(self, sip_headers: Sequence[tuple[str, str]] = ()) -> Call:
        """Let a call come in by SIP: it is offered by webhook, and lasts until either side hangs up.

        Call it inside the event loop of the server.
        """
        return self._sessions.ring(sip_headers)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    async def serve_forever(self) -> None:
        """Run until cancelled."""
        async with self:
            await asyncio.get_running_loop().create_future()
