"""API tokens and sessions are known by their digest from now on. Those that exist stay good."""

import hashlib

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

SESSION_COLUMN = 40


def digest(secret):
    return hashlib.sha256(secret.encode()).hexdigest()


def tokens_by_digest(apps, schema_editor):
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        if "authtoken_token" not in connection.introspection.table_names(cursor):
            return
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA secure_delete = ON")  # or the tokens would stay readable in the file's free pages
        cursor.execute("SELECT key, user_id, created FROM authtoken_token ORDER BY created")
        tokens = cursor.fetchall()
        ApiToken = apps.get_model("leads", "ApiToken")
        for key, user_id, created in tokens:
            row = ApiToken.objects.create(key=digest(key), hint=key[:4], user_id=user_id)
            cursor.execute("UPDATE api_tokens SET created_at = %s WHERE id = %s", [created, row.pk])
        cursor.execute("DROP TABLE authtoken_token")


def sessions_by_digest(apps, schema_editor):
    Session = apps.get_model("sessions", "Session")
    for key in list(Session.objects.values_list("pk", flat=True)):
        Session.objects.filter(pk=key).update(session_key=digest(key)[:SESSION_COLUMN])


class Migration(migrations.Migration):
    dependencies = [
        ("leads", "0010_counts_by_day_from_the_index"),
        ("sessions", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="ApiToken",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "key",
                    models.CharField(editable=False, max_length=64, unique=True),
                ),
                ("hint", models.CharField(editable=False, max_length=4, verbose_name="begins with")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="api_tokens",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "API token",
                "verbose_name_plural": "API tokens",
                "db_table": "api_tokens",
                "ordering": ["-id"],
            },
        ),
        migrations.RunPython(tokens_by_digest),
        migrations.RunPython(sessions_by_digest),
    ]
