"""One pair, or one asset over its venues: its search, figures and linked chart."""
