"""Studio: a person's own files, matched, asked about, and opened as a record on all pages."""

import streamlit as st

from analytics import formats
from dashboard.frame.error_boundary import error_boundary, plain
from dashboard.frame.freshness import title_row
from dashboard.frame.refresh import refreshed
from dashboard.loaders import alert_episodes
from dashboard.state import record, session
from dashboard.state.uploads import SERVER
from dashboard.studio import build, column_check, file_choice, record_list
from dashboard.studio.opening import Opening

is_building = record_list.is_building()


def board() -> None:
    """Draw the records that are open, and how far they are built."""
    with error_boundary():
        title_row("Studio")
        st.caption(
            "Open files of your own and use every page on them, with replay, alerts and simulated "
            "trades. Nothing joins the record unless you import it."
        )
        record_list.record_list()
    if is_building and not record_list.is_building():
        st.rerun(scope="app")


def files() -> None:
    """Draw the choice of files or, once they are read, what was found in them."""
    with error_boundary():
        opening = file_choice.current()
        # A page that is left alone for long finds its files deleted.
        if opening is None or not SERVER.is_open(opening.upload.token):
            st.subheader("Open files", anchor=False)
            file_choice.file_choice()
        else:
            check(opening)


def check(opening: Opening) -> None:
    """Draw what was found, what must be asked, and what goes on from there."""
    st.subheader(plain(f"Open {opening.upload.name}"), anchor=False)
    column_check.refused(opening)
    column_check.questions(opening)
    left, has_values = len(opening.open_questions()), opening.takes_values()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        has_some = bool(opening.preview.files)
        if has_some and st.button(
            "Open record", type="primary", key="studio_open", disabled=left > 0 or not has_values
        ):
            build.start(opening, alert_episodes.live_rules())
            record.opened(opening.upload)
            file_choice.forget()
            st.rerun()
        if st.button("Discard"):
            SERVER.close(opening.upload.token)
            file_choice.forget()
            session.rerun_here()
        if left:
            st.caption(plain(f"Answer {formats.plural(left, 'question')} first."), width="content")
        elif has_some and not has_values:
            st.caption(
                "Choose below what each column holds; no column is used yet.", width="content"
            )
    column_check.columns(opening)


refreshed(board, 1.0 if is_building else None)
st.fragment(files)()
