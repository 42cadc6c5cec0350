from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("integrations", "0002_initial")]

    operations = [
        migrations.AddField(
            model_name="amocrmconnection",
            name="webhook_detail",
            field=models.TextField(
                blank=True,
                default="",
                help_text="What amoCRM said when we registered it.",
                verbose_name="why the hook is not active",
            ),
        ),
        migrations.AddField(
            model_name="amocrmconnection",
            name="set_up_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(model_name="rateslot", name="paused_until", field=models.FloatField(default=0)),
        migrations.AddField(model_name="rateslot", name="blocked_until", field=models.FloatField(default=0)),
    ]
