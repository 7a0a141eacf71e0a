"""The status page: read-only, on loopback unless the configuration says otherwise.

``/`` is for people, ``/healthz`` and ``/readyz`` for supervisors, ``/metrics`` for Prometheus,
``/status.json`` for programs. It shows what the loop last said of itself and can change nothing.
"""
