"""What each verb does: data in, data out; never prints.

What an op answers is data of a type in `sesh.schema`, a plain value if there is but one fact; what keeps it from its
work is raised as a SeshError. An op on several sessions tries each: the answer has what it did, and in `failed` by name
the errors, as `SeshError.facts` gives them; that of a single session is raised. One on a list of rows answers the rows,
each with what became of it, its `error` if that is one. An op that leads to a session answers `Entered`.
"""
