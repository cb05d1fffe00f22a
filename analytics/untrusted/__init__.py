"""Text and requests from outside, checked or made harmless.

``visible`` writes out characters that would act unseen on a terminal or a page,
``spreadsheet`` keeps names from being run as formulas, ``hosts`` tells whether a request was
meant for a server on loopback. Nothing here knows what the text is about.
"""
