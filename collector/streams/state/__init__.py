"""What frames leave behind: flows, order books, the trades already counted, rejected values.

Pure: it knows neither the venues' formats nor sockets.
"""
