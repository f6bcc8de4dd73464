"""``gateway``: what it needs, what it says when that is missing, and what it tells about calls."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from realtime_transport.cli import gateway as module
from realtime_transport.cli import main
from realtime_transport.cli.arguments import parser
from realtime_transport.cli.gateway import app_for, line, run, show, welcome
from realtime_transport.cli.gateway_setup import SETUPS, control_for, verifier_for
from realtime_transport.exceptions import InvalidArgument
from realtime_transport.gateway import Gateway, GatewayNews
from realtime_transport.telephony.codecs import CODECS
from realtime_transport.telephony.signatures import TwilioVerifier

SECRETS = {
    "TWILIO_AUTH_TOKEN": "12345",
    "TELNYX_PUBLIC_KEY": "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    "PLIVO_AUTH_TOKEN": "12345",
    "VONAGE_SIGNATURE_SECRET": "12345",
    "GENESYS_API_KEY": "key",
    "GENESYS_CLIENT_SECRET": "TXlTdXBlclNlY3JldEtleVRlbGxOby0xITJAMyM0JDU=",
    "GATEWAY_USERNAME": "gate",
    "GATEWAY_PASSWORD": "12345",
}


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module with an agent, a function and neither, in the current folder."""
    name = "desk_" + re.sub(r"\W", "_", tmp_path.name)
    (tmp_path / f"{name}.py").write_text(
        "from realtime_transport import RealtimeAgent\n"
        "agent = RealtimeAgent(name='Desk', instructions='Be brief.')\n"
        "def per_call(call): return agent\n"
        "number = 7\n"
    )
    (tmp_path / f"{name}_empty.py").write_text("")
    (tmp_path / f"{name}_broken.py").write_text("import no_such_module_anywhere\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return name


def options(desk: str, *more: str, carrier: str = "twilio") -> argparse.Namespace:
    words = ["gateway", "--carrier", carrier, "--agent", f"{desk}:agent", "--url", "ws://127.0.0.1:1"]
    return parser().parse_args([*words, "--public-url", "https://calls.example.com", *more])


def gateway_of(app: Any) -> Gateway:
    gateway: Gateway = app.state.gateway
    return gateway


@pytest.mark.parametrize("carrier", sorted(SETUPS))
def test_every_carrier_is_set_up_from_the_environment(carrier: str, desk: str) -> None:
    assert carrier in CODECS
    gateway = gateway_of(app_for(options(desk, carrier=carrier), SECRETS))
    assert gateway.carrier == carrier
    told = welcome(options(desk, carrier=carrier), 8090)
    assert "calls.example.com" in told
    assert "{" not in told.replace("${", "").replace("$[", ""), told
    assert "NOTHING IS VERIFIED" not in told


@pytest.mark.parametrize("carrier", sorted(SETUPS))
def test_a_missing_secret_is_named_with_where_it_is(carrier: str) -> None:
    setup = SETUPS[carrier]
    for name in setup.secrets:
        with pytest.raises(InvalidArgument) as caught:
            verifier_for(setup, {key: value for key, value in SECRETS.items() if key != name} | {"OTHER": ""})
        assert name in str(caught.value)
        assert setup.where in str(caught.value)
        assert "--allow-unsigned" in str(caught.value)


def test_a_secret_makes_the_carriers_verifier() -> None:
    assert isinstance(verifier_for(SETUPS["twilio"], SECRETS), TwilioVerifier)


def test_the_options_reach_the_gateway(desk: str, tmp_path: Path) -> None:
    given = options(desk, "--max-calls", "3", "--wait-for-caller", "--record", str(tmp_path))
    gateway = gateway_of(app_for(given, SECRETS))
    assert gateway.limits.max_calls == 3
    assert (gateway._greet, gateway._record_to) == (False, tmp_path)
    assert gateway._session == {"url": "ws://127.0.0.1:1"}
    keyed = gateway_of(app_for(options(desk, "--model", "m"), {**SECRETS, "OPENAI_API_KEY": "sk-1"}))
    assert keyed._session == {"url": "ws://127.0.0.1:1", "model": "m", "api_key": "sk-1"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--carrier", "nobody"), "no carrier 'nobody'; there are "),
        (("--carrier", "cloudonix"), "how cloudonix signs is not known here"),
        ((), "set TWILIO_AUTH_TOKEN"),
        (("--agent", "desk"), "'desk' is not MODULE:NAME"),
        (("--agent", ":agent"), "is not MODULE:NAME"),
        (("--agent", "no_such_desk:agent"), "there is no module 'no_such_desk'"),
        (("--agent", "no.such.desk:agent"), "there is no module 'no.such.desk'"),
        (("--agent", "{desk}:agnt"), "has no 'agnt'; its agents: agent"),
        (("--agent", "{desk}_empty:agent"), "it has no agent at all"),
        (("--agent", "{desk}:number"), "is a int, not an agent or a function"),
        (("--max-calls", "0"), "limits.max_calls: must be above zero"),
        (("--public-url", "calls.example.com"), "public_url: has to be https://host"),
    ],
)
def test_what_is_wrong_is_one_line(
    words: tuple[str, ...], said: str, desk: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TWILIO_AUTH_TOKEN", raising=False)
    unsigned = ["--allow-unsigned"] if words and words[1] != "cloudonix" else []
    asked = ["--carrier", "twilio", "--agent", f"{desk}:agent", "--url", "ws://127.0.0.1:1", *unsigned]
    assert main(["gateway", *asked, *(word.replace("{desk}", desk) for word in words)]) == 1
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""


def test_a_module_that_its_module_lacks_is_another_problem(desk: str) -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module_anywhere"):
        app_for(options(desk, "--agent", f"{desk}_broken:agent"), SECRETS)


def test_without_a_public_address_it_says_what_to_do(desk: str) -> None:
    given = options(desk)
    given.public_url = None
    with pytest.raises(InvalidArgument, match="--public-url https"):
        app_for(given, SECRETS)
    given.trust_forwarded = True
    app_for(given, SECRETS)
    given.trust_forwarded, given.allow_unsigned = False, True
    app_for(given, {})


def test_without_a_key_it_says_what_to_do(desk: str) -> None:
    given = options(desk)
    given.url = None
    with pytest.raises(InvalidArgument, match="OPENAI_API_KEY"):
        app_for(given, SECRETS)


def test_a_look_alike_is_served_when_it_may_be_unsigned(desk: str) -> None:
    given = options(desk, "--allow-unsigned", carrier="cloudonix")
    assert gateway_of(app_for(given, {})).carrier == "cloudonix"
    told = welcome(given, 8090)
    assert "https://calls.example.com/answer" in told
    assert "wss://calls.example.com/stream" in told
    assert "NOTHING IS VERIFIED" in told


def test_exotel_gets_its_login_in_the_url(desk: str) -> None:
    told = welcome(options(desk, carrier="exotel"), 8090)
    assert "wss://(username):(password)@calls.example.com/stream" in told


def test_asterisk_gets_lines_for_its_dialplan(desk: str) -> None:
    given = options(desk, carrier="audiosocket")
    told = welcome(given, 8090)
    assert "CURL(https://calls.example.com/answer?call_id=${UNIQUEID}&caller=${CALLERID(num)})" in told
    assert "AudioSocket(${CALL},calls.example.com:9092)" in told


@pytest.mark.parametrize(
    ("news", "said"),
    [
        (
            GatewayNews(kind="answered", call_id="CA1", caller="+1", called="+2"),
            "12:00:00  CA1                                 answered   +1 -> +2",
        ),
        (
            GatewayNews(kind="ended", call_id="CA1", called="+2", seconds=61.25, reason="the caller hung up"),
            "12:00:00  CA1                                 ended      ? -> +2  61.2 s  the caller hung up",
        ),
        (GatewayNews(kind="draining"), "12:00:00  -                                   draining"),
    ],
)
def test_a_line_of_news(news: GatewayNews, said: str) -> None:
    assert line(news, "12:00:00") == said


def test_news_are_printed_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    show(GatewayNews(kind="draining"))
    assert re.fullmatch(r"\d\d:\d\d:\d\d  - {35}draining\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("carrier", "environment"),
    [
        ("twilio", {"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "t"}),
        ("telnyx", {"TELNYX_API_KEY": "k"}),
        ("plivo", {"PLIVO_AUTH_ID": "MA1", "PLIVO_AUTH_TOKEN": "t"}),
    ],
)
async def test_calls_are_acted_on_over_rest_when_the_account_is_known(
    carrier: str, environment: dict[str, str], desk: str
) -> None:
    control = control_for(carrier, environment, "https://calls.example.com/answer")
    assert control is not None
    async with control:
        assert control.carrier.name == carrier
        gateway = gateway_of(app_for(options(desk, carrier=carrier), SECRETS, control))
        assert gateway._make_transport.keywords == {"control": control}  # type: ignore[attr-defined]
    for name in environment:
        assert control_for(carrier, {**environment, name: ""}, "") is None
    assert control_for("audiosocket", environment, "") is None


async def test_the_program_serves_audiosocket_too(
    desk: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    ports: asyncio.Queue[tuple[int, int]] = asyncio.Queue(maxsize=1)

    def noted(given: argparse.Namespace, port: int) -> str:
        ports.put_nowait((port, given.audiosocket_port))
        return welcome(given, port)

    monkeypatch.setattr(module, "welcome", noted)
    async with asyncio.timeout(10):
        running = asyncio.create_task(
            run(options(desk, "--port", "0", "--audiosocket-port", "0", carrier="audiosocket"))
        )
        http, tcp = await ports.get()
        for port, said in ((http, b"GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), (tcp, b"x" * 19)):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(said)
            assert (await reader.read()).endswith(b"ok") is (port == http)
            writer.close()
        os.kill(os.getpid(), signal.SIGTERM)
        assert await running == 0
    printed = capsys.readouterr().out
    assert f"AudioSocket(${{CALL}},calls.example.com:{tcp})" in printed
    assert "stopped, no call was cut off" in printed
