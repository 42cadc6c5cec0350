"""Syncs: reading the CRM as a whole, so that what no hook told of is found, repaired and written down.

A run is a row of `sync_runs` with a cursor; whoever holds its lease works it through its phases (`runner`): deals and
contacts, either all of them (`scanning`) or those that changed since the last run (`recent`), then what was deleted
(`trash`), then what amoCRM's events tell of stages passed and deals merged (`events`, `merging`). Each page is applied
in one transaction with the cursor and with the gaps that it shows (`ledger`): what no hook told of (`hearing`).
"""
