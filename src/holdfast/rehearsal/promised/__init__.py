"""What a template promises of each resource type, and which answer of which service shows it.

One row a property: the property, the call, where in its answer the value is, and how the answer is put into the
template's words where they differ. Paths are dotted; a number is a place in a list.
"""
