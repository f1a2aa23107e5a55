"""Files over HTTP, against ``python -m http.server`` and nginx with the same files on disk.

The load comes from wrk. All servers run at once; they are asked in turns.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.contents import write_large
from tests.benchmarks.racing import Bench, Contender, Row, Timing, note
from tests.benchmarks.report import duration, faster
from tests.support.commands import Vost
from tests.support.servercommands import serving as serving_command
from vost_sync import GitStore

if TYPE_CHECKING:
    from collections.abc import Iterator

_MEBIBYTE = 1 << 20
_SMALL_TARGET = 3.0
_RATE = re.compile(r"Requests/sec:\s+([0-9.]+)")
_LATENCY = re.compile(r"(50|99)%\s+([0-9.]+)(us|ms|s)\s")
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
_NGINX = """
{user}
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""


def serve(bench: Bench) -> Iterator[Row]:
    """Serve a small file to 1, 32 and 200 clients, a large one, and ranges of it."""
    for tool in ("wrk", "nginx"):
        if shutil.which(tool) is None:
            note(f"serve: there is no {tool}")
            return
    size = bench.scaled(100, 10) * _MEBIBYTE
    root = bench.path("files")
    root.mkdir()
    (root / "small.bin").write_bytes(bytes(range(256)) * 4)
    write_large(root / "large.bin", size, compressible=False)
    vost = Vost(bench.path("served.git"))
    with GitStore.open(vost.repository) as store:
        store.branches["main"].copy_in(f"{root}/", "")
    with ExitStack() as stack:
        served = stack.enter_context(serving_command(vost, "serve", "-q"))
        urls = {
            "vost serve": served.url,
            "http.server": stack.enter_context(_http_server(root)),
            "nginx": stack.enter_context(_nginx(bench.path("nginx"), root)),
        }
        before = _peak(served.process.pid)
        for connections in (1, 32, 200):
            yield from _small(bench, urls, connections)
        yield from _large(bench, urls, size)
        yield from _ranges(bench, urls["vost serve"], size)
        after = _peak(served.process.pid)
        yield Row(
            "peak memory of vost serve, before and after",
            f"{before // _MEBIBYTE} MiB, {after // _MEBIBYTE} MiB",
        )


def _small(bench: Bench, urls: dict[str, str], connections: int) -> Iterator[Row]:
    rates: dict[str, list[float]] = {name: [] for name in urls}
    latencies: dict[str, list[tuple[float, float]]] = {name: [] for name in urls}
    for _ in range(bench.scaled(3, 1)):
        for name, url in urls.items():
            rate, latency = _wrk(f"{url}small.bin", connections, bench.scaled(5, 1))
            rates[name].append(rate)
            latencies[name].append(latency)
    seconds = {name: Timing(name, tuple(1 / one for one in found)) for name, found in rates.items()}
    what = f"1 KiB file, {connections} connections"
    for peer, target in (("http.server", _SMALL_TARGET), ("nginx", None)):
        yield faster(what, seconds["vost serve"], seconds[peer], target=target, items=1)
    shown = [
        f"{name} {duration(min(one[0] for one in found))}, {duration(min(one[1] for one in found))}"
        for name, found in latencies.items()
    ]
    yield Row(f"{what}: latency, median and 99th percentile", shown[0], "; ".join(shown[1:]))


def _large(bench: Bench, urls: dict[str, str], size: int) -> Iterator[Row]:
    contenders = [
        Contender(name, partial(partial, _fetch, f"{url}large.bin", size))
        for name, url in urls.items()
    ]
    times = bench.race(5, *contenders)
    for peer in ("http.server", "nginx"):
        yield faster(f"{size // _MEBIBYTE} MiB file", times["vost serve"], times[peer])


def _ranges(bench: Bench, url: str, size: int) -> Iterator[Row]:
    """Fetch ranges: what counts is their length, not where they are."""
    found: dict[str, float] = {}
    for length in (1, 64 * 1024, size // 4):
        for where, start in (("start", 0), ("end", size - length)):
            header = f"bytes={start}-{start + length - 1}"
            fetch = partial(_fetch, f"{url}large.bin", length, header)
            found[f"{length:,} bytes at the {where}"] = bench.per_call(fetch, bench.scaled(5, 1))
    yield Row(
        f"ranges of a {size // _MEBIBYTE} MiB file",
        "; ".join(f"{name}: {duration(seconds)}" for name, seconds in found.items()),
    )


def _fetch(url: str, size: int, ranges: str | None = None) -> None:
    request = urllib.request.Request(url, headers={"Range": ranges} if ranges else {})
    received = 0
    with urllib.request.urlopen(request) as answer:
        while piece := answer.read(_MEBIBYTE):
            received += len(piece)
    assert received == size


def _wrk(url: str, connections: int, seconds: int) -> tuple[float, tuple[float, float]]:
    """Return requests per second, and the median and 99th percentile of latency in seconds."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "30s"]
    done = subprocess.run([*command, url], capture_output=True, text=True, check=True)
    rate = _RATE.search(done.stdout)
    latency = {
        part: float(number) * _UNITS[unit] for part, number, unit in _LATENCY.findall(done.stdout)
    }
    assert rate is not None
    assert "Non-2xx" not in done.stdout
    return float(rate[1]), (latency["50"], latency["99"])


@contextmanager
def _http_server(root: Path) -> Iterator[str]:
    port = _free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    with _running([*command, "--directory", str(root)], port) as url:
        yield url


@contextmanager
def _nginx(directory: Path, root: Path) -> Iterator[str]:
    directory.mkdir()
    port = _free_port()
    config = directory / "nginx.conf"
    # Started by root, its worker would be somebody who may not look into our directory.
    user = "user root;" if os.geteuid() == 0 else ""
    config.write_text(_NGINX.format(user=user, directory=directory, port=port, root=root))
    with _running(["nginx", "-p", str(directory), "-c", str(config)], port) as url:
        yield url


@contextmanager
def _running(command: list[str], port: int) -> Iterator[str]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            if process.poll() is not None:
                raise RuntimeError(f"{command[0]} ended at once")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _peak(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) * 1024
