"""The engine in memory: signals, neurons, the network, the scheduler. Imports nothing but the standard library."""
