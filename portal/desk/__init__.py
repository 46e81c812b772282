"""The first pages of members and of staff, and the team page of a customer's admins: what they see first, put together
from the rooms below. Nothing is decided here; each part is asked of the room it belongs to.
"""
