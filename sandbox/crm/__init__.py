"""What the stand-in knows: accounts with their deals, contacts, pipelines, fields, hooks and events. No HTTP here."""
