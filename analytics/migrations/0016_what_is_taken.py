from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0015_sales_met_by_the_shared_clock"),
    ]

    operations = [
        migrations.AlterConstraint(
            model_name="exchangerate",
            name="one_rate_per_day",
            constraint=models.UniqueConstraint(
                fields=("user_account", "base_currency", "currency", "day"),
                name="one_rate_per_day",
                violation_error_message="There is a rate of this currency and day already.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="targetologist",
            name="one_targetologist_per_name",
            constraint=models.UniqueConstraint(
                fields=("user_account", "name"),
                name="one_targetologist_per_name",
                violation_error_message="Another targetologist has this name already.",
            ),
        ),
    ]
