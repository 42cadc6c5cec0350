"""The soak: the product as it runs in earnest, on servers of its own, while a seeded chance breaks part after part.

    make soak SECONDS=300 SEED=1        or  python -m soak --help

A sandbox in this process lives its life and tells of it by hooks. At the end what the product holds is compared with
what the sandbox knows; any difference ends the soak non-zero.
"""
