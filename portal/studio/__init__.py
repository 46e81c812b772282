"""The studio: where people of the vendor write, and what they write becomes the library.

A manuscript is one document in one language on its way: draft, review, approved, scheduled, published, archived. Every
save is a revision and nothing is ever overwritten. What is published goes through the very acts that files go through;
what came from a file belongs to it until somebody takes it over here.
"""
