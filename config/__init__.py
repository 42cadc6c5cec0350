"""Settings, root urls, the Celery app: wires everything, decides nothing."""
