"""What venues tell unasked, over websockets: trades, liquidations and order books.

All of it is our own, where REST goes through ccxt. Its streams lose liquidations
when several come at once, keep a thousand trades of every instrument, and spend
more on a trade than there is time for when the market moves. Tickers are left
out: the bulk answers of REST have all of them for less than a twentieth of the
limits that venues set.

The pure side knows no sockets: `stream` describes a venue's streams, `binance`,
`bybit` and `okx` are the descriptions with what reads their frames, and `flows`,
`books` and `tally` are what frames leave behind.

The living side keeps the sockets: `session` is one from its opening to its end,
`connection` one that is always there, `switchboard` all of a venue. `ledger` holds,
fills (`repair`, `past`) and writes down the holes; `feed` is what a cycle asks.
"""

from collector.streams.binance import BINANCE
from collector.streams.bybit import BYBIT
from collector.streams.okx import OKX
from collector.streams.stream import Stream

STREAMS: dict[str, Stream] = {stream.venue: stream for stream in (BINANCE, BYBIT, OKX)}
"""The venues whose streams are read, by name."""
