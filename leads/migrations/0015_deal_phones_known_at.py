from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("leads", "0014_assumed_currency"),
    ]

    operations = [
        migrations.AddField(
            model_name="dealphone",
            name="known_at",
            field=models.DateTimeField(null=True),
        ),
    ]
