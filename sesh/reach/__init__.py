"""Here or on a host: who asks, where it is carried out, the links in between, and the call over them.

`caller`       who asks: gets notes, answers questions; `origin`: the machine that a caller over a link is on
`op`           what makes a function an op; `arguments` and `op_shapes`: what an op takes and answers over a link
`target`       where an op is carried out: `call`, `enter`; `calls`: the call over a link
`stream`       the conversation with one session's daemon, over as many connections as it takes: `target.open_stream`
`links`        links to hosts: opened, opened again when lost
`find`         a session on this machine. Those of known remotes: `sesh.ops.lookup`
`cancelling`   Ctrl-C while something is waited for. From another thread: `sesh.stop`
"""
