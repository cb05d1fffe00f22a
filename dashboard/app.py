"""The ASGI entry: the Streamlit app, and what answers beside it on the same port."""

from pathlib import Path

import streamlit as st

from dashboard.warmth import warmed

app = st.App(Path(__file__).with_name("main.py"), lifespan=warmed)
