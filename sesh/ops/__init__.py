"""The functions behind the verbs: data in, data out; never prints.

The answer of an op is data of a type in `sesh.schema`, or a plain value for a single fact; its errors are raised as
SeshError. An op on several sessions tries each: the answer has what it did, and in `failed` by name the errors, as
`SeshError.facts` gives them; that of a single session is raised. One on a list of rows answers the rows, each with its
outcome, or its `error`. An op that leads to a session answers `Entered`.
"""
