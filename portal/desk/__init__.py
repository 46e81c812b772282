"""The first page of members, and the team page of their admins: what they see first, put together from the rooms below.

Nothing is decided here; each part is asked of the room it belongs to.
"""
