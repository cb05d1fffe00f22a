"""Files of other programs, public archives and tables of our own, as tables of the lake.

A file is read and checked as a whole before anything of it is stored, so a file
that is not what it claims to be leaves no trace but a sentence. Nothing here asks
a venue: what a file does not say stays NULL.

``parsing`` decides which reader a file belongs to; ``recordings``, ``binance_archive``
and ``tables`` each read one family of files. A stranger's file is read in another
process under limits, which ``reader_process`` starts.
"""
