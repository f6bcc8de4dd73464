"""Runs the plan: fresh processes for every run, variants shuffled in each repetition, nonsense voided and repeated."""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from bench.job import Job
from bench.plan import CONTAINS, IMPORTS, Scenario

HERE = Path(__file__).parent
EQUAL = {"MALLOC_MMAP_THRESHOLD_": str(32 * 1024 * 1024), "MALLOC_TRIM_THRESHOLD_": str(32 * 1024 * 1024)}
"""glibc maps and unmaps every 256 KiB read of a small process and not those of a large one; with these, nobody's."""
TRUST = ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")
"""Where Python and node read whom to believe, besides the authorities of this machine."""
SLACK = 0.97
"""Noise of two medians: a variant within it of the floor that it contains is believed."""
MOST_VOID = 2
"""Repetitions of a voided scenario before its figures are given with the remark that they make no sense."""
RUN_TIMEOUT = 180
TOO_LATE_MS = 20.0
"""How late the event loop may be at the 99th percentile: the length of a frame of a call."""
LADDER_STEP = 50
"""Sessions between two rungs: how precise the figure is."""

Runs = dict[str, list[dict[str, Any]]]
"""Variant -> what each of its runs measured."""


class RunFailed(Exception):
    """A client ended with an error."""


@contextmanager
def server(job: Job) -> Iterator[tuple[Job, dict[str, Any]]]:
    """Start the server of a run; yields the job with its port, and a dict that holds its own figures afterwards."""
    command = [sys.executable, "-m", "bench.server", job.to_json()]
    figures: dict[str, Any] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=HERE.parent) as process:
        try:
            assert process.stdout is not None
            yield replace(job, port=int(process.stdout.readline())), figures
            process.terminate()
            figures |= json.loads(process.communicate(timeout=10)[0])
        finally:
            process.kill()


def run(job: Job) -> dict[str, Any]:
    """Do one run in two fresh processes."""
    environment = dict(os.environ) if job.default_allocator else os.environ | EQUAL
    with server(job) as (ready, measured):
        program = (
            ["node", str(HERE / "client.mjs")] if job.variant == "node" else [sys.executable, "-m", "bench.client"]
        )
        done = subprocess.run(
            [*program, ready.to_json()],
            capture_output=True,
            text=True,
            cwd=HERE.parent,
            env={**environment, **dict.fromkeys(TRUST, job.certificate)} if job.tls else environment,
            timeout=RUN_TIMEOUT,
        )
        if done.returncode:
            raise RunFailed(f"{job.variant} in {job.scenario}: {done.stderr.strip()[-800:]}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    latencies = sorted(measured["latencies"])
    figures["server_late"] = measured["late"]
    if latencies:
        figures |= {"p50": median(latencies), "p99": latencies[int(len(latencies) * 0.99)]}
    return figures


def climb(job: Job) -> dict[str, Any]:
    """Find how many sessions one core carries before it comes too late to what is due, by halving the interval.

    Where the server's own clock lags too, it is the server that cannot carry more: then the figure is a lower bound,
    and ``bound`` says so.
    """
    least, most, bound = 0, job.count, False
    while most - least > LADDER_STEP:
        count = (least + most) // 2 // LADDER_STEP * LADDER_STEP
        figures = run(replace(job, count=count))
        print(f"    {job.variant}: {count} sessions, {figures['p99']:.0f} ms late", file=sys.stderr, flush=True)
        if figures["p99"] <= TOO_LATE_MS:
            least = count
        else:
            most, bound = count, figures["server_late"] > TOO_LATE_MS
    return {"sessions": least, "bound": bound}


def measure(scenario: Scenario, repetitions: int, missing: Mapping[str, str], certificate: str) -> Runs:
    """Do all runs of a scenario; the gate may have them done again."""
    variants = [variant for variant in scenario.variants if variant not in missing]
    for attempt in range(MOST_VOID + 1):
        runs: Runs = {variant: [] for variant in variants}
        for repetition in range(repetitions):
            order = variants.copy()
            random.Random(f"{scenario.name} {attempt} {repetition}").shuffle(order)
            for variant in order:
                job = Job(variant=variant, certificate=certificate, **scenario.job)
                runs[variant].append(climb(job) if scenario.climbs else run(job))
        nonsense = impossible(scenario, runs)
        if nonsense is None:
            return runs
        print(f"    void: {nonsense}", file=sys.stderr, flush=True)
    runs["void"] = [{"why": nonsense}]
    return runs


def impossible(scenario: Scenario, runs: Runs) -> str | None:
    """Say which variant was faster than something that it contains; None when none was."""
    if not scenario.gated:
        return None
    for variant, inner in CONTAINS.items():
        if variant in runs and inner in runs:
            whole, part = middle(runs[variant], "us"), middle(runs[inner], "us")
            if whole < part * SLACK:
                return f"{variant} took {whole:.1f} us, {inner}, which it contains, {part:.1f}"
    return None


def middle(runs: list[dict[str, Any]], figure: str) -> float:
    """Return the median of a figure."""
    return float(median(run[figure] for run in runs))


def imports(repetitions: int, missing: Mapping[str, str]) -> Runs:
    """Measure the processor time, in ms, that importing takes a fresh interpreter, less the interpreter itself."""
    lines = {name: line for name, line in IMPORTS.items() if not (name == "openai" and name in missing)}
    if "agents-model" in missing:
        lines.pop("agents")
    runs: Runs = {name: [] for name in lines}
    for repetition in range(repetitions + 1):  # the first fills the file cache
        order = list(lines)
        random.Random(repetition).shuffle(order)
        for name in order:
            taken = (_processor(lines[name]) - _processor("pass")) * 1000
            if repetition:
                runs[name].append({"ms": taken})
    return runs


def _processor(code: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Whoever switches bytecode off has stale files of what changes, which is ours, and none of what he installed.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=HERE.parent, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def make_certificate(folder: Path) -> str:
    """Write a self-signed certificate for localhost, key included."""
    path = folder / "localhost.pem"
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    command = ["openssl", *words.split(), "-keyout", str(path), "-out", str(folder / "cert.pem")]
    subprocess.run(command, check=True, capture_output=True)
    path.write_text((folder / "cert.pem").read_text() + path.read_text())
    return str(path)
