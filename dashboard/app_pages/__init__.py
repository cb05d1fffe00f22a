"""The pages as Streamlit runs them: one script each, called by its URL.

A script asks, loads and puts pieces in order; the pieces are in the folder of the page's name.
"""
