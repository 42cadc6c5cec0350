"""The names under which other systems and people's SQL know sales.

A later migration that alters `sales` has to drop these views first and to make them again afterwards.
"""

from django.db import migrations

ALL_SALES_TRACKING = """
CREATE VIEW all_sales_tracking AS
SELECT
    sales.id, sales.user_account_id, sales.lead_id, sales.amocrm_deal_id, sales.amocrm_pipeline_id,
    sales.amocrm_status_id, sales.client_name, sales.client_phone, sales.amount, sales.currency, sales.product,
    sales.status, sales.sold_at, sales.sold_at AS sale_date, sales.targetologist_id,
    targetologists.name AS targetologist, sales.routing_decision, sales.routing_reason,
    sales.utm_source, sales.utm_medium, sales.utm_campaign, sales.utm_content, sales.utm_term,
    sales.created_at, sales.updated_at
FROM sales LEFT JOIN targetologists ON targetologists.id = sales.targetologist_id
"""

PURCHASES = """
CREATE VIEW purchases AS
SELECT
    id, user_account_id, lead_id, amocrm_deal_id, client_name, client_phone, amount, currency, product, status,
    sold_at, sold_at AS purchase_date, created_at, updated_at
FROM sales
"""


class Migration(migrations.Migration):
    dependencies = [("analytics", "0003_money")]

    operations = [
        migrations.RunSQL(ALL_SALES_TRACKING, "DROP VIEW all_sales_tracking"),
        migrations.RunSQL(PURCHASES, "DROP VIEW purchases"),
    ]
