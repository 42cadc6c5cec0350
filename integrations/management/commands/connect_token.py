"""`connect_token ACCOUNT --subdomain S --token T`: connect by a long-lived amoCRM token instead of OAuth."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations.amocrm.errors import AmoCRMError
from integrations.amocrm.hosts import ForeignHost, account_host
from integrations.connecting.connect import AlreadyConnected, TokenNotAccepted, connect
from integrations.connecting.long_lived import long_lived_pair
from leads.services.commands import account_argument, answer


class Command(BaseCommand):
    help = "Connect an account to amoCRM by a long-lived token of a private integration."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", help="The account's UUID.")
        parser.add_argument("--subdomain", required=True, help="`mycompany`, or the whole host `mycompany.kommo.com`.")
        parser.add_argument("--token", required=True, help="As shown once under “Keys” of the integration in amoCRM.")

    def handle(self, *args: Any, **options: Any) -> None:
        account = account_argument(options["account"])
        try:
            pair, domain = long_lived_pair(options["token"])
            subdomain: str = options["subdomain"]
            host = account_host(subdomain if "." in subdomain else f"{subdomain}.{domain}")
            connection = connect(account, host, pair)
        except ForeignHost as error:
            raise CommandError(f"--subdomain: {error} Use `mycompany` or `mycompany.amocrm.ru`.") from None
        except (AlreadyConnected, TokenNotAccepted, ValueError) as error:
            raise CommandError(str(error)) from None
        except AmoCRMError as error:
            raise CommandError(f"amoCRM could not be asked: {error.detail}") from None
        answer(
            self,
            {
                "user_account_id": account.pk,
                "connected": True,
                "subdomain": connection.subdomain,
                "amocrm_account_id": connection.amocrm_account_id,
                "token_expires_at": connection.token_expires_at,
            },
        )
