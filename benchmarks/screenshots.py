"""Screenshots of every page in dark, light and phone width.

python benchmarks/screenshots.py                        # of a demo that it starts and stops itself
python benchmarks/screenshots.py http://127.0.0.1:8501  # of a running dashboard
python benchmarks/screenshots.py --docs                 # those of README.md, into docs/

Each picture shows a whole page; above 300 kB it is saved with fewer colours. Without a URL it
takes about four minutes, mostly while the demo backfills a day.
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from threading import Thread

from machine import free_port
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

PAGES = {
    "overview": "?timeframe=1h",
    "market": "market?base=BTC",
    "heatmap": "heatmap?timeframe=30m",
    "correlation": "correlation?corr_pairs=20",
    "exchanges": "exchanges",
    "alerts": "alerts",
    "monitor": "monitor",
    "health": "health",
    "wallboard": "wallboard",
}
"""Address of each page, by name."""

ROOT = Path(__file__).parents[1]
OUT = Path(__file__).parent / "out"
DOCS = ("overview", "market", "heatmap")
DOCS_HEIGHT = 1300
"""Height limit of a picture in README.md. [px]"""
MAX_BYTES = 300_000
HISTORIES = 3
"""Venues of the demo that must have backfilled before pictures are taken."""

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
STILL_MS = 1_200
"""A page without a change for this long is complete. [ms]"""

STILL = """
(stillMs) => new Promise((resolve) => {
  const busy = "[data-testid=stSkeleton], [data-testid=stSpinner], [data-test-script-state=running]"
  let timer
  const again = () => {
    clearTimeout(timer)
    timer = setTimeout(() => document.querySelector(busy) ? again() : resolve(true), stillMs)
  }
  new MutationObserver(again).observe(
    document.body, { subtree: true, childList: true }
  )
  again()
})
"""
HEIGHT = """
() => {
  const main = document.querySelector("[data-testid=stMain]")
  return main ? Math.max(main.scrollHeight, 600) : document.documentElement.scrollHeight
}
"""
LOOK = """
if (location.protocol === "http:" && self === top) {
  localStorage.setItem("perpscope-look", "chosen")
  localStorage.setItem(`stActiveTheme-${location.pathname}-v2`, '"%s"')
}
"""


@dataclass(frozen=True)
class Variant:
    """Theme and size of the browser."""

    theme: str
    width: int
    height: int
    phone: bool = False


VARIANTS = {
    "dark": Variant("Dark", 1440, 900),
    "light": Variant("Light", 1440, 900),
    "phone": Variant("Dark", 390, 844, phone=True),
}


def main() -> None:
    """Take the pictures and print the size of each."""
    asked = _asked()
    with _dashboard(asked.url) as url, sync_playwright() as playwright, _fonts() as data_home:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=FLAGS, env={**os.environ, "XDG_DATA_HOME": data_home}
        )
        for file, address, variant, tallest in _wanted(asked):
            file.parent.mkdir(parents=True, exist_ok=True)
            picture = _take(browser, f"{url}/{address}", variant, tallest)
            file.write_bytes(picture)
            too_large = "  TOO LARGE" if len(picture) > MAX_BYTES else ""
            print(f"{len(picture) / 1000:6.0f} kB  {file}{too_large}", flush=True)
        browser.close()


def _wanted(asked: argparse.Namespace) -> Iterator[tuple[Path, str, Variant, int | None]]:
    """Yield file, page address, browser settings and height limit of each picture."""
    if asked.docs:
        for page in DOCS:
            yield ROOT / "docs" / f"{page}.png", PAGES[page], VARIANTS["dark"], DOCS_HEIGHT
        return
    for page, address in PAGES.items():
        for name, variant in VARIANTS.items():
            if not asked.only or {page, f"{page}-{name}"} & set(asked.only):
                yield asked.out / f"{page}-{name}.png", address, variant, None


@contextmanager
def _fonts() -> Iterator[str]:
    """Give a profile folder with a font for all scripts used in names of pairs."""
    font = Path(str(files("noto_cjk_sans_otc") / "NotoSansCJK-Regular.ttc"))
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "fonts").mkdir()
        Path(folder, "fonts", font.name).symlink_to(font)
        yield folder


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Take pictures of every page.")
    parser.add_argument("url", nargs="?", help="of a dashboard; without it a demo is started")
    parser.add_argument("--out", type=Path, default=OUT, help="folder of the pictures")
    parser.add_argument("--docs", action="store_true", help="only those of README.md, into docs/")
    parser.add_argument("--only", nargs="*", metavar="PAGE[-VARIANT]", help="these, not all")
    return parser.parse_args()


@contextmanager
def _dashboard(url: str | None) -> Iterator[str]:
    """Give the dashboard's address: *url*, or that of a demo that has backfilled."""
    if url is not None:
        yield url.rstrip("/")
        return
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        told = {"PERPSCOPE_DATA_DIR": folder, "PERPSCOPE_COLLECTOR_PORT": "0"}
        with subprocess.Popen(
            [sys.executable, "-m", "perpscope", "demo", "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, **told},
            stderr=subprocess.PIPE,
            text=True,
        ) as demo:
            try:
                _wait_for_history(demo)
                # Nobody reads its output from here on, but the pipe must not fill up.
                Thread(target=lambda: list(demo.stderr or ()), daemon=True).start()
                yield f"http://127.0.0.1:{port}"
            finally:
                demo.send_signal(signal.SIGINT)
                demo.wait(30)


def _wait_for_history(demo: subprocess.Popen[str]) -> None:
    assert demo.stderr is not None
    filled = 0
    for line in demo.stderr:
        filled += "history backfilled" in line
        if filled == HISTORIES:
            return
    sys.exit("the demo stopped unexpectedly")


def _take(browser: Browser, address: str, variant: Variant, tallest: int | None) -> bytes:
    """Return a picture of the page at *address*, whole or its upper *tallest* pixels."""
    context = browser.new_context(
        viewport={"width": variant.width, "height": variant.height},
        color_scheme="light" if variant.theme == "Light" else "dark",
        has_touch=variant.phone,
        user_agent="Mozilla/5.0 (Linux; Android 15) Mobile" if variant.phone else None,
    )
    context.add_init_script(LOOK % variant.theme)
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("[data-testid=stMainBlockContainer] *")
    _settle(page)
    height = min(page.evaluate(HEIGHT), tallest or sys.maxsize)
    page.set_viewport_size({"width": variant.width, "height": height})
    _settle(page)
    taken = page.screenshot()
    context.close()
    return _small(taken)


def _settle(page: Page) -> None:
    page.evaluate(STILL, STILL_MS)


def _small(picture: bytes) -> bytes:
    """Return the picture, with fewer colours if it is too large."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    whole = _png(image)
    return whole if len(whole) <= MAX_BYTES else _png(image.quantize(256, kmeans=2))


def _png(image: Image.Image) -> bytes:
    made = io.BytesIO()
    image.save(made, "png", optimize=True)
    return made.getvalue()


if __name__ == "__main__":
    main()
