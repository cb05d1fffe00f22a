"""What venues tell unasked, over websockets: trades, liquidations and order books.

All of it is our own, where REST goes through ccxt. Its streams lose liquidations
when several come at once, keep a thousand trades of every instrument, and spend
more on a trade than there is time for when the market moves. Tickers are left
out: the bulk answers of REST have all of them for less than a twentieth of the
limits that venues set.

In layers, each of which knows only those below it: ``holes`` (what was missed, and
its repair), ``wire`` (the sockets), ``formats`` (the venues' frames), ``state`` (what
frames leave behind). ``feed`` puts them together for one venue and is what a cycle
asks; ``registry`` names the venues whose streams are read.
"""
