"""The workshop: where checklists are made without files, and where exceptions are made for many at once.

A draft is a form as it was left, whole or not; publishing makes a version of it through the very rules that publish
files. `form` is pure: it turns a definition into fields and fields into a definition, or names what is wrong by field.
"""
