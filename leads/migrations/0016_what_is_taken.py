from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("leads", "0015_deal_phones_known_at"),
    ]

    operations = [
        migrations.AlterConstraint(
            model_name="creative",
            name="one_creative_per_external_ad_id",
            constraint=models.UniqueConstraint(
                condition=models.Q(("external_ad_id", ""), _negated=True),
                fields=("user_account", "external_ad_id"),
                name="one_creative_per_external_ad_id",
                violation_error_message="Another creative has this external ad id already.",
            ),
        ),
    ]
