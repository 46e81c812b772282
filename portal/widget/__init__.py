"""The widget: the checklist, the library and one sign-in inside the vendor's own product.

A page of the product shows a public key and a token that the product's server signed; what they may see is what the
portal would show the same person. One request answers everything the panel needs, one stream says when to ask again,
and whatever is put aside is kept here, so that it is put aside on every device.
"""
