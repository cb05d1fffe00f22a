"""From files into the lake: recordings of other programs, public archives, our own tables.

A file is read and checked as a whole before anything of it is stored, so a file
that is not what it claims to be leaves no trace but a sentence. What is stored
goes in by time and in pieces, so that a collector beside it keeps its cycles.
Nothing here asks a venue: what a file does not say stays NULL.

A file is read in another process under limits, which ``reader_process`` starts.

``files`` decides which reader a file belongs to and stores what it found;
``recordings``, ``binance_archive`` and ``tables`` each read one family of files.
"""
