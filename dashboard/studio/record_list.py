"""The uploaded records of a session: how far each is built, its pages, Import, and Close."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import streamlit as st

from analytics import formats
from analytics.files.upload_commands import ImportUpload
from analytics.lake.layout import Layout
from analytics.scratch.preview import Built, Progress
from analytics.untrusted.visible import visible
from dashboard.components import asking_collector
from dashboard.frame.error_boundary import plain
from dashboard.loaders import source
from dashboard.state import record, session
from dashboard.state.uploads import IDLE_S, SERVER, Upload
from dashboard.studio import build
from dashboard.studio.build import Build

PAGES: Final = (
    ("overview", "Overview"),
    ("market", "Market"),
    ("heatmap", "Heatmap"),
    ("correlation", "Correlation"),
    ("exchanges", "Exchanges"),
    ("alerts", "Alerts"),
    ("replay", "Replay"),
    ("health", "Health"),
)
_IMPORTED: Final = "studio_imported"
_NAMED: Final = 4
"""Reasons that are named of what was left out."""


def record_list() -> None:
    """Draw a card for each record that this session opened or looks at."""
    found = record.mine()
    if not found:
        st.caption("No uploaded record is open here.")
        return
    for upload in found:
        with st.container(border=True, key=f"upload_{upload.token}"):
            _card(upload)
    st.caption(
        "An uploaded record is deleted when it is closed, when no page has shown it for "
        f"{IDLE_S / 60:.0f} minutes, and when the server stops. Anyone with its address "
        "can open it."
    )


def is_building() -> bool:
    """Return whether a record of this session is still being built, or its alerts looked for."""
    builds = (build.of(upload) for upload in record.mine())
    return any(one is not None and not one.is_over for one in builds)


def _card(upload: Upload) -> None:
    state, looked_at = build.of(upload), record.current() is upload
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{plain(upload.name)}**", width="content")
        if looked_at:
            st.badge("shown on all pages", icon=":material/visibility:", color="violet")
    if state is not None:
        _progress(state)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if upload.is_ready:
            for path, title in PAGES:
                st.page_link(
                    f"app_pages/{path}.py", label=title, query_params={record.KEY: upload.token}
                )
        if looked_at:
            st.button("Back to live", on_click=_leave, key=f"live_{upload.token}")
        if upload.is_ready and (state is None or state.built is not None):
            _import(upload)
        st.button(
            "Close and delete",
            icon=":material/delete:",
            key=f"close_{upload.token}",
            on_click=_close,
            args=(upload,),
        )


def _progress(state: Build) -> None:
    if state.error is not None:
        st.error(plain(f"{state.error}."), title="Not opened", icon=":material/error:")
        return
    if state.built is not None:
        lines = [*_built_lines(state.built), _alert_line(state)]
        st.caption("  \n".join(map(plain, lines)))
        return
    st.progress(_share(state.progress), text=plain(_progress_words(state.progress)))


def _share(progress: Progress | None) -> float:
    if progress is None or not progress.total:
        return 0.0
    return min(progress.done / progress.total, 1.0)


def _progress_words(progress: Progress | None) -> str:
    if progress is None:
        return "Opening …"
    words = f"{progress.done:,} of {progress.total:,} rows stored"
    if progress.is_ready and progress.since_ts is not None:
        words += f"; pages show it from {formats.moment(progress.since_ts)} on"
    return words


def _built_lines(built: Built) -> list[str]:
    """Say what became of the files."""
    venues = formats.listed([formats.venue(name) for name in built.venues])
    span = ""
    if built.first_ts is not None and built.last_ts is not None:
        span = f", {formats.moment(built.first_ts)} to {formats.moment(built.last_ts)}"
    rows = (
        f"{formats.plural(built.rows_read, 'row')} read: "
        f"{formats.plural(built.snapshots, 'snapshot')} and {formats.plural(built.bars, 'bar')} of "
        f"{formats.plural(built.symbols, 'pair')} on {venues}{span}."
    )
    notes = [f"{note[:1].upper()}{note[1:].rstrip('.')}." for note in map(visible, built.notes)]
    return [rows, *_left_out(built), *notes]


def _left_out(built: Built) -> list[str]:
    """Say what is not in the record, and why."""
    lines = []
    for counts, what in ((built.refused, "row"), (built.values_refused, "value")):
        if not counts:
            continue
        reasons = sorted(counts, key=lambda reason: -counts[reason])
        named = [f"{counts[reason]:,} × {visible(reason)}" for reason in reasons[:_NAMED]]
        if rest := reasons[_NAMED:]:
            named.append(f"{sum(counts[reason] for reason in rest):,} for other reasons")
        total = formats.plural(sum(counts.values()), what)
        lines.append(f"{total} left out: {', '.join(named)}.")
    return lines or ["No row was left out."]


def _alert_line(state: Build) -> str:
    if state.alerts_error is not None:
        return f"No alerts: {state.alerts_error}."
    if state.alerts is None:
        return "Looking for the alerts of the live record's rules …"
    if not state.alerts:
        return "No alert of the live record's rules would have fired. Try other rules on Alerts."
    alerts = formats.plural(state.alerts, "alert")
    return f"{alerts} of the live record's rules would have fired."


def _leave() -> None:
    record.look_at("")
    session.rerun_page()


def _close(upload: Upload) -> None:
    if record.current() is upload:
        record.look_at("")
    SERVER.close(upload.token)
    session.rerun_page()


def _import(upload: Upload) -> None:
    """Offer to have the collector take the record into the live one, and say what came of it."""
    why_not = asking_collector.not_allowed()
    with st.popover("Import", icon=":material/download:", key=f"import_{upload.token}"):
        st.write(
            "The collector adds this record to the live one. What was collected wins; an import "
            "can be undone."
        )
        asking_collector.token_field()
        if st.button(
            "Import into the live record",
            type="primary",
            disabled=why_not is not None,
            key=f"import_now_{upload.token}",
        ):
            _have_imported(upload)
        if why_not is not None:
            st.caption(plain(why_not))
        if (said := st.session_state.get(_IMPORTED, {}).get(upload.token)) is not None:
            st.caption(plain(said))


def _have_imported(upload: Upload) -> None:
    uploads, told = Layout(Path(source.live_folder())).uploads, dict[str, Any]()
    bar = st.progress(0.0, text="The collector stores it …")

    def report(line: dict[str, Any]) -> None:
        told.update(line.get("imported", {}))
        if line.get("total"):
            bar.progress(min(line["done"] / line["total"], 1.0), text="The collector stores it …")

    asked = {
        "lake": str(Path(upload.lake).relative_to(uploads)),
        "file": upload.name[:200],
        "sha256": upload.sha256,
    }
    error = asking_collector.failed(ImportUpload, asked, report=report)
    said = st.session_state.setdefault(_IMPORTED, {})
    said[upload.token] = error or _imported_words(told)
    st.rerun()


def _imported_words(told: dict[str, Any]) -> str:
    if told.get("number") is None:
        return "Nothing was new: the live record holds all of it."
    new = ", ".join(
        formats.plural(told[name], name.removesuffix("s"))
        for name in ("snapshots", "bars")
        if told.get(name)
    )
    differing = told["differing"]
    kept = f" {formats.plural(differing, 'row')} differ from what is stored, which stays." * bool(
        differing
    )
    return (
        f"Import {told['number']}: {new or 'no new rows'}, "
        f"{formats.plural(told['filled'], 'bar')} filled.{kept} To undo it: perpscope import "
        f"--undo {told['number']}"
    )
