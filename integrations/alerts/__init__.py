"""What operators must hear of: conditions over `/metrics`, told by Prometheus' rules and, in short, by Telegram."""
