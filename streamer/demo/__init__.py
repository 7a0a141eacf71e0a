"""The demo: a simulated wind farm, a real broker and daemon, and a report that cannot flatter.

Everything runs as it would in a plant, in processes of their own on loopback; only the world is
simulated, because only then is the truth about its faults known.
"""
