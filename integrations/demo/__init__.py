"""The demo year: a clinic's account as it would look after a year of advertising, the same each time.

`year_fill` makes it, `year_remove` takes it away. What is invented (ads, people, deals) is plain data and pure
functions; what follows from it (leads, history, sales, the ledger) comes about through the product's own doors.
"""
