"""The intake beside what people use elsewhere for the same work, on one PostgreSQL: `make bench-peers`.

Each receives the same body over HTTP and stores one row per delivery; only the product checks a signature. In the end
each is killed by `kill -9` in the middle of its work, and what it had acknowledged is looked for in its table.
"""
