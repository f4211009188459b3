"""Opens pages in a headless Chromium, where there is one."""

from __future__ import annotations

import functools
import html
import http.server
import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = (
    f"no headless browser on PATH (looked for {', '.join(NAMES)}; `make browser` installs one)"
)

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--enable-logging=stderr",
    "--log-level=0",
    "--virtual-time-budget=3000",
)

# Opens the page in a frame of the wanted width and writes what `measure` returns into this page.
_PROBE = """<!doctype html><meta charset="utf-8"><iframe id="frame" src="PAGE"
 style="width:WIDTHpx;height:800px;border:0"></iframe><pre id="result"></pre><script>
const frame = document.getElementById("frame");
frame.addEventListener("load", () => {
  const page = frame.contentDocument, view = frame.contentWindow;
  const measure = (page, view) => { MEASURE };
  Promise.resolve(measure(page, view)).then(result => {
    document.getElementById("result").textContent = JSON.stringify(result);
  });
});
</script>"""


@dataclass(frozen=True)
class Seen:
    """What a measurement returned, and the messages on the browser's console."""

    result: Any
    console: tuple[str, ...]


def find() -> str | None:
    """Path of a browser, None when there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def axe() -> str | None:
    """Source of axe-core, which checks a page's accessibility; None where there is none."""
    path = Path(sys.prefix) / "axe.min.js"
    return path.read_text(encoding="utf-8") if path.is_file() else None


def measure(page: Path, script: str, *, width: int = 1200, dark: bool = False) -> Seen:
    """Run `script` (the body of a function of `page`, `view`) on a page and return its result."""
    probe = _PROBE.replace("PAGE", page.name).replace("WIDTH", str(width))
    with tempfile.TemporaryDirectory() as folder, _serve(page.parent) as address:
        (page.parent / "probe.html").write_text(probe.replace("MEASURE", script))
        scheme = [f"--blink-settings=preferredColorScheme={0 if dark else 1}"]
        done = subprocess.run(
            [
                find() or "",
                *_FLAGS,
                *scheme,
                f"--user-data-dir={folder}",
                "--dump-dom",
                f"{address}/probe.html",
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        (page.parent / "probe.html").unlink()
    text = re.search(r'<pre id="result">(.*?)</pre>', done.stdout, re.DOTALL)
    assert text is not None, done.stdout
    assert text[1], done.stderr
    messages = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return Seen(json.loads(html.unescape(text[1])), tuple(messages))


@contextmanager
def _serve(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine only."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
