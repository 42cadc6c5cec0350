"""When a run starts is said by the clock that all share, which the program asks. Nothing of that changes the table."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models
from django.db.migrations.operations.base import Operation

import leads.clock


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("integrations", "0016_failed_readings")]

    operations: ClassVar[list[Operation]] = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name="syncrun",
                    name="started_at",
                    field=models.DateTimeField(default=leads.clock.shared_now, editable=False, verbose_name="started"),
                ),
            ],
        ),
    ]
