"""One file per command of ``telltale``; the table is in `streamer.cli`."""
