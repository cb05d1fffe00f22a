"""Signing in with Streamlit's OIDC, where its secrets.toml names a provider."""

import streamlit as st


def require_sign_in() -> None:
    """End the run with a button for whoever has to sign in and has not."""
    if st.user.get("is_logged_in", True):
        return
    st.button("Sign in", on_click=st.login)
    st.stop()
