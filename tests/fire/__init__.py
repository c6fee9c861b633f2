"""Fire: real worker processes on a real store, killed, stopped and cut off while they work."""
