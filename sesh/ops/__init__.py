"""The functions behind the verbs; they never print.

An op returns data of a type in `sesh.schema.outcomes` or `sesh.schema.facts`, or a plain value if its result is a
single fact. It raises SeshError. An op on several sessions tries each of them. It returns the names that worked, and in
`failed` the other names, each with its `SeshError.facts`. If there is only one session, the op raises its error
instead. An op on rows returns the rows, each with its outcome or its `error`. An op that connects to a session returns
`Connected`.

What types, waits or follows is no op: such functions of `send`, `shell`, `jobs`, `wait` and `events` hold a `Stream` to
a daemon. The ops beside them return what is stored: results, history, the log of events.
"""
