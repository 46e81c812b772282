"""Where the vendor's staff connect other systems: what sends events, and what reads and writes with a key.

It stands above the rooms whose rules it names, so that a page about an event can say which checklist waits for it.
"""
