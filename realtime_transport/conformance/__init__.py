"""How far a server of this family keeps the protocol: a table of small probes, and a report with the evidence.

    report = await check("ws://127.0.0.1:8080/v1/realtime")
    print(report.conforms)

Every probe has a connection of its own and looks at the frames themselves; nothing of the client role is in between.
"""

from __future__ import annotations

from realtime_transport.conformance.checking import check, probes
from realtime_transport.conformance.line import Deviation, Line, Missing
from realtime_transport.conformance.probe import Finding, Probe, Report, Verdict

__all__ = ["Deviation", "Finding", "Line", "Missing", "Probe", "Report", "Verdict", "check", "probes"]
