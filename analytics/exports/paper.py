"""Pages of a PDF report: font, colours, and what stands on every page.

Source Sans, the font of the screen, prints Latin, Greek and Cyrillic, and Noto Sans CJK
whatever else of Chinese, Japanese and Korean; packages of their own bring both along.
A letter that neither has is written as its code point, ``[U+1F680]``, because an
empty box would say nothing.

Text is Source Sans where it can be, also because programs that read a PDF know less
of what to make of the other kind of font.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import cache, cached_property
from importlib.resources import files
from itertools import accumulate, groupby, takewhile
from pathlib import Path
from typing import Final, Literal, cast

from fpdf import FPDF
from fpdf.enums import TextMode
from fpdf.fonts import TTFFont

from analytics import formats
from analytics.exports.report import Report
from analytics.palette import BRAND_LINE, BRAND_POINT, LIGHT

INK: Final = LIGHT.text
MUTED: Final = LIGHT.muted
FAINT: Final = LIGHT.border
BAND: Final = LIGHT.surface
UP: Final = LIGHT.up
DOWN: Final = LIGHT.down
WARNING: Final = LIGHT.warning
LINES: Final = LIGHT.categorical
"""As on the screen's light theme, which has the contrast that paper needs."""

MARGIN: Final = 12.0
GAP: Final = 6.0
_TOP: Final = 24.0
_BOTTOM: Final = 14.0
_LATIN: Final = "latin"
_LATIN_FOLDER: Final = Path(str(files("font_source_sans_pro") / "files"))
_HAN: Final = "han"
_HAN_FILE: Final = Path(str(files("noto_cjk_sans_otc") / "NotoSansCJK-Regular.ttc"))
_SIMPLIFIED: Final = 2
"""The place in the collection of the font with the letter forms of simplified Chinese."""
_SIGN: Final = ((0.0, 18.0), (6.0, 9.0), (11.0, 14.0), (18.0, 5.0))
_MM: Final = 25.4 / 72


class Paper(FPDF):
    """A document whose pages say what they are, and text placed by hand."""

    def __init__(self, report: Report, *, is_wide: bool) -> None:
        super().__init__("landscape" if is_wide else "portrait", "mm", "A4")
        self._report = report
        for style, weight in (("", "Regular"), ("B", "Semibold")):
            self.add_font(_LATIN, style, _LATIN_FOLDER / f"SourceSansPro-{weight}.ttf")
        self._latin, self._latin_bold = self._added(_LATIN, ""), self._added(_LATIN, "B")
        self.set_margins(MARGIN, _TOP, MARGIN)
        self.c_margin = 0.0
        self.set_auto_page_break(False)
        self.set_title(self.printable(report.title))
        self.set_creator("perpscope")
        self.set_creation_date(report.moment)
        self.add_page()

    def begin(self, part: Report) -> None:
        """Begin *part* of the document on a page of its own."""
        self._report = part
        self.add_page()

    @property
    def room(self) -> float:
        """How much of the page is left. [mm]"""
        return self.h - _BOTTOM - self.y

    @property
    def page_room(self) -> float:
        """How much an empty page holds. [mm]"""
        return self.h - _BOTTOM - _TOP

    def reserve(self, height: float) -> None:
        """Begin another page unless *height* is left on this one. [mm]"""
        if height > self.room and self.y > _TOP:
            self.add_page()

    def header(self) -> None:
        """Draw the sign, the title and the time on top of the page."""
        self.set_line_width(0.5)
        self.set_draw_color(BRAND_LINE)
        self.polyline([(MARGIN + x * 0.2, 8 + y * 0.2) for x, y in _SIGN])
        self.set_fill_color(BRAND_POINT)
        self.circle(MARGIN + 3.6, 9.0, 0.55, style="F")
        self.put(MARGIN + 6, 11.6, "perpscope", 10, MUTED, is_bold=True)
        shown = f"{self._report.title}  ·  {formats.moment(self._report.moment)}"
        self.put(self.w - MARGIN, 11.6, shown, 8, MUTED, align="R")
        self.set_draw_color(FAINT)
        self.set_line_width(0.2)
        self.line(MARGIN, 14.5, self.w - MARGIN, 14.5)
        if self._report.label:
            self.set_fill_color("#FDF0E1")
            self.rect(MARGIN, 15.6, self.epw, 5.4, style="F")
            self.put(self.w / 2, 19.3, self._report.label, 8, WARNING, is_bold=True, align="C")
        self.set_y(_TOP)

    def footer(self) -> None:
        """Draw what market it is and the page's number at the bottom."""
        label = self._report.label or "Computed from data published by the venues"
        self.put(MARGIN, self.h - 7, label, 7, MUTED)
        self.set_font(_LATIN, size=7)
        self.set_text_color(MUTED)
        self.set_xy(self.w - MARGIN - 40, self.h - 10)
        self.cell(40, 4, f"Page {self.page_no()} of {{nb}}", align="R")

    def put(
        self,
        x: float,
        baseline: float,
        text: str,
        size: float,
        color: str = INK,
        *,
        is_bold: bool = False,
        align: Literal["L", "C", "R"] = "L",
    ) -> None:
        """Write *text* in one line; *x* is its left end, middle or right end. [mm, pt]"""
        text = self.printable(text)
        x -= self.width_of(text, size, is_bold=is_bold) * {"L": 0.0, "C": 0.5, "R": 1.0}[align]
        self.set_text_color(color)
        for is_latin, part in self._runs(text):
            if is_latin:
                self.set_font(_LATIN, "B" if is_bold else "", size)
                self.text(x, baseline, part)
            else:
                self._put_han(x, baseline, part, size, color, is_bold=is_bold)
            x += self.width_of(part, size, is_bold=is_bold)

    def width_of(self, text: str, size: float, *, is_bold: bool = False) -> float:
        """Return how wide *text* is, which is printable already. [mm]"""
        latin = self._latin_bold if is_bold else self._latin
        widths = latin.cw
        total = sum(
            widths[ord(letter)] if ord(letter) in latin.cmap else self._han.cw[ord(letter)]
            for letter in text
        )
        return total * size * _MM / 1000

    def fitted(self, text: str, width: float, size: float) -> str:
        """Return *text* as printable, cut with ``…`` where it is wider than *width*. [mm]"""
        text = self.printable(text)
        if self.width_of(text, size) <= width:
            return text
        room = width - self.width_of("…", size)
        ends = accumulate(self.width_of(letter, size) for letter in text)
        count = sum(1 for _ in takewhile(lambda end: end <= room, ends))
        return f"{text[:count].rstrip()}…"

    def lines(self, text: str, width: float, size: float) -> list[str]:
        """Return *text* in lines that are at most *width* wide. [mm]"""
        lines = [""]
        for word in self.printable(text).split():
            longer = f"{lines[-1]} {word}".strip()
            if lines[-1] and self.width_of(longer, size) > width:
                lines.append(word)
            else:
                lines[-1] = longer
        return [self.fitted(line, width, size) for line in lines]

    def printable(self, text: str) -> str:
        """Return *text* in one line, with the code point of each letter that has no glyph."""
        if text.isascii() and text.isprintable():
            return text
        line = " ".join(unicodedata.normalize("NFC", text).split())
        return "".join(letter if self._has(ord(letter)) else _code_point(letter) for letter in line)

    def _has(self, letter: int) -> bool:
        return letter in self._latin.cmap or letter in self._han.cmap

    def _runs(self, text: str) -> Iterator[tuple[bool, str]]:
        """Give the parts of *text* that are of one font, and whether that is the Latin one."""
        for is_latin, letters in groupby(text, lambda letter: ord(letter) in self._latin.cmap):
            yield is_latin, "".join(letters)

    @cached_property
    def _han(self) -> TTFFont:
        """The font of what the Latin one lacks, opened when the first such letter is met."""
        self.add_font(_HAN, "", _HAN_FILE, collection_font_number=_SIMPLIFIED)
        return self._added(_HAN, "")

    def _added(self, family: str, style: str) -> TTFFont:
        return cast(TTFFont, self.fonts[f"{family}{style}"])

    def _put_han(
        self, x: float, baseline: float, text: str, size: float, color: str, *, is_bold: bool
    ) -> None:
        """Write *text* in the font that has one weight: an outline makes it bold."""
        self.set_font(_HAN, "", size)
        if not is_bold:
            self.text(x, baseline, text)
            return
        with self.local_context(
            text_mode=TextMode.FILL_STROKE, line_width=size * 0.025, draw_color=color
        ):
            self.text(x, baseline, text)


@cache
def _code_point(letter: str) -> str:
    return f"[U+{ord(letter):04X}]"
