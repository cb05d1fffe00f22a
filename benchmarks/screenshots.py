"""Every page at each width and theme, as a picture in benchmarks/out/.

python benchmarks/screenshots.py http://127.0.0.1:8501
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

PAGES = {"overview": "", "health": "health"}
WIDTHS = {"desk": (1440, 900), "phone": (390, 844)}
THEMES = ("dark", "light")
OUT = Path(__file__).parent / "out"
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


def main(url: str) -> None:
    """Take the picture of every page of the server at *url*."""
    OUT.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for page, path in PAGES.items():
            for width, size in WIDTHS.items():
                for theme in THEMES:
                    file = OUT / f"{page}-{width}-{theme}.png"
                    _take(browser, f"{url}/{path}", size, theme, file)
                    print(file)


def _take(browser: Browser, address: str, size: tuple[int, int], theme: str, file: Path) -> None:
    width, height = size
    page = browser.new_page(
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
    )
    page.add_init_script(
        "localStorage.setItem('perpscope-look', 'chosen');"
        f"localStorage.setItem(`stActiveTheme-${{location.pathname}}-v2`, '\"{theme.title()}\"')"
    )
    page.goto(address)
    page.wait_for_selector("[data-testid=stHeading]")
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.wait_for_timeout(1500)  # charts are drawn a moment after their data arrived
    page.screenshot(path=file)
    page.close()


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"))
