"""A vendor's product as the widget meets it: pages under a strict policy, and a small server that knows who is who.

It stands on an origin of its own, signs widget tokens with the source's secret, and sends events by Segment's own
client, unmodified. It has nothing of Banso's in it but the address of a script and the keys that `banso source add`
printed.
"""
