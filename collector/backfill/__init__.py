"""Bars from venues' history: from before collecting began, and where it was interrupted.

What is missing is worked out from the lake alone: a bar that is not there, or
lacks what a history could fill in. So stopping at any point loses nothing, and
running it again asks only for what is missing still. What was collected live
stays as it is: only absent bars and NULLs are filled.

``plan`` says what is missing and which requests get it; ``rows`` turns answers
into bars; ``derived`` works out what follows from them; ``store`` puts them into
the lake; ``filling`` does it for one venue, behind all that is asked live;
``archive`` fetches the public archive's files of days that a venue no longer has.
"""
