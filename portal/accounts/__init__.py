"""Who is who: customer accounts, their members, the vendor's staff, plans, API keys, and how each gets in.

An account is a customer company; a member is one person of one account (a person in two companies is two members with
one mail address). The wall between accounts stands on this room: everything about a customer carries an account's id.
Staff and members sign in by a mailed link or code; there are no passwords to leak.
"""
