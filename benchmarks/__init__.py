"""What measures the product, beside its peers: `python -m benchmarks [part …]`, or `make bench` for all parts.

Absolutes differ from machine to machine, so every table shows ratios, with the absolutes beside them. All runs on this
machine only, in a folder and a database of its own that are gone afterwards: SQLite, or PostgreSQL when DATABASE_URL
names one (the user must be allowed to create a database there).

A part is a module `bench_<name>.py` with a docstring and a function `run(options: Options) -> list[Table]`; it is found
by its name. Django is set up and the scratch database migrated and empty of deliveries when it is called.
"""
