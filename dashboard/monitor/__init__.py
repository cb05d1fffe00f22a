"""The Monitor page's pieces: watch list, open trades, the form for a new one, the journal."""
