"""The demo vendor: 60 customers over 12 months, made by calling the services, the same every time for one day.

Some finish early, some late, some stall, some leave, and some were customers before Banso came. Nothing here is a
fixture: every completion on the pages was proved by an event, a tutorial or a person, as it would be in real life.
"""
