from django.db import migrations, models

from leads.migrating import AddIndexMeanwhile, RemoveIndexMeanwhile


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("leads", "0016_what_is_taken"),
    ]

    operations = [
        AddIndexMeanwhile(
            model_name="lead",
            index=models.Index(
                fields=["user_account", "lead_at", "id", "is_deleted", "is_qualified"], name="leads_of_days"
            ),
        ),
        RemoveIndexMeanwhile(
            model_name="lead",
            name="leads_by_day",
        ),
    ]
