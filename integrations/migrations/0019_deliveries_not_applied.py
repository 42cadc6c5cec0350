from django.db import migrations, models

from leads.migrating import AddIndexMeanwhile


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("integrations", "0018_held_rate_slots"),
    ]

    operations = [
        AddIndexMeanwhile(
            model_name="webhooklog",
            index=models.Index(
                condition=models.Q(("processing_status__in", ["ignored", "partial", "error"])),
                fields=["user_account", "processing_status", "id"],
                name="webhook_logs_not_applied",
            ),
        ),
    ]
