"""The ASGI entry: the Streamlit app, and what answers beside it on the same port."""

from pathlib import Path

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

# Streamlit takes a folder called pages for pages of its older kind until the first session
# has run st.navigation: who opened /health first would get that file without its frame.
PagesManager.uses_pages_directory = False

app = st.App(Path(__file__).with_name("main.py"))
