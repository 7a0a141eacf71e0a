"""The daemon: moves data, keeps it, tells people. No statistics.

One reading's way, file by file: `sources/mqtt.py` → `decode/` → `journal.py` → `pipeline.py` →
`monitor.py` → `alerts.py` → `delivery.py` → `sinks/` and `notifiers/`.
"""
