"""A hook's address is signed, and so a secret: encrypted at rest from now on."""

from django.db import migrations

import integrations.secrets


def encrypt_addresses(apps, schema_editor):
    rows = apps.get_model("integrations", "AmoCRMConnection").objects.exclude(webhook_destination="")
    for pk, address in list(rows.values_list("pk", "webhook_destination")):
        rows.filter(pk=pk).update(webhook_destination=integrations.secrets.encrypt(address))


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0013_sync_staged"),
    ]

    operations = [
        migrations.RunPython(encrypt_addresses),
        migrations.AlterField(
            model_name="amocrmconnection",
            name="webhook_destination",
            field=integrations.secrets.EncryptedTextField(blank=True, default="", verbose_name="hook address"),
        ),
    ]
