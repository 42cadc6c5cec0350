from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("integrations", "0003_rate_pauses_and_set_up")]

    operations = [
        migrations.AddField(model_name="rateslot", name="sequence", field=models.BigIntegerField(default=0)),
    ]
