"""Where a run goes: messages in the dialects that daemons read, files, tables, a broker."""
