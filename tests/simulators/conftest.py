"""Brokers for the simulator's tests."""

from tests.servers.mosquitto import mosquitto, start_mosquitto

__all__ = ["mosquitto", "start_mosquitto"]
