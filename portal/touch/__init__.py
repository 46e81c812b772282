"""What the vendor's people do for a customer in person: contacts that were made, and tasks to do.

Where the portal alone is not enough, somebody calls, writes or meets. What was said (対応履歴), when to come back, and
what somebody has promised to do by when are kept here with the customer, so that colleagues who take over find it.
"""
