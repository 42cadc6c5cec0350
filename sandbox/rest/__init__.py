"""amoCRM's API v4 over the accounts: routes, query parameters, shapes, errors."""
