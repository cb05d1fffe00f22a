"""A minimal Streamlit app: the baseline of every page."""

import pandas as pd
import streamlit as st

st.title("Bare")
st.dataframe(pd.DataFrame({"pair": ["BTC/USDT", "ETH/USDT"], "price": [98_000.0, 3_400.0]}))
