"""What happened: an append-only log of usage, and what it adds up to.

Everything a customer does is an event, sent by the vendor's product or by the portal itself. An event is stored once
(source and message id say which one it is), counted into daily roll-ups, attributed to its account and member, and
handed to whoever registered for it, all in one transaction. This room knows none of those who listen.
"""
