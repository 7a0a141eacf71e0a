"""A real broker."""

from tests.servers.mosquitto import mosquitto, start_mosquitto

__all__ = ["mosquitto", "start_mosquitto"]
