"""System checks (`manage.py check`, `check --deploy`)."""
