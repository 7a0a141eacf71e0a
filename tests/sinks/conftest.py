"""The real servers."""

from tests.servers.influxd import influxd
from tests.servers.victoria_metrics import victoria_metrics

__all__ = ["influxd", "victoria_metrics"]
