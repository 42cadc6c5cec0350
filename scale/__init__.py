"""Many accounts on one machine: whether a noisy one delays the others, what all of them cost, how beat spreads them.

make scale        or  python -m scale --help
"""
