"""`GET|POST /sales`, `GET|PATCH /sales/{id}`, `GET /targetologists/{id}/sales`."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import exceptions, generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics.api.money_filters import SaleFilters
from analytics.api.sale_serializers import PurchaseSerializer, SaleSerializer
from analytics.earning.figures import periods
from analytics.earning.patterns import sales_assign
from analytics.models import Sale, Targetologist
from leads.access import account_of, account_row, account_rows
from leads.api.days import DAYS
from leads.api.errors import Conflict
from leads.api.rows import AccountRowId, AccountRows, RowsOfDays
from leads.people import names_of

LAST_SALES = 20


def with_names(rows: QuerySet[Sale]) -> QuerySet[Sale]:
    return rows.select_related("targetologist", "conversion__referrer")


@extend_schema_view(
    get=extend_schema(summary="Sales, the latest first", parameters=DAYS),
    post=extend_schema(
        summary="Enter a purchase by hand",
        description="The same `external_id` again answers 200 with the sale that has it, unchanged.",
        request=PurchaseSerializer,
        responses={201: SaleSerializer, 200: SaleSerializer},
    ),
)
class Sales(RowsOfDays[Sale], generics.ListAPIView[Sale]):
    queryset = Sale.objects.all()
    moment = "sold_at"
    serializer_class = SaleSerializer
    filterset_class = SaleFilters
    entry_class = PurchaseSerializer

    def get_queryset(self) -> QuerySet[Sale]:
        return with_names(super().get_queryset()).order_by("-sold_at", "-id")

    def post(self, request: Request) -> Response:
        entry = self.entry_class(data=request.data, context=self.get_serializer_context())
        entry.is_valid(raise_exception=True)
        external_id = entry.validated_data.get("external_id")
        known = self._known(request, external_id)
        if known is None:
            try:
                return Response(entry.to_representation(entry.save()), status=status.HTTP_201_CREATED)
            except Conflict:
                # Somebody sent the same external_id at this moment: theirs is the sale.
                known = self._known(request, external_id)
                if known is None:
                    raise
        return Response(SaleSerializer(known, context=self.get_serializer_context()).data)

    def _known(self, request: Request, external_id: str | None) -> Sale | None:
        names = names_of(account_of(request).pk, external_id) if external_id else []
        return account_rows(Sale, request).filter(external_id__in=names).first()


class AssignmentSerializer(serializers.Serializer[Sale]):
    """All that can be changed of a deal's sale: the rest follows the deal."""

    targetologist_id = AccountRowId(Targetologist, allow_null=True)


@extend_schema_view(get=extend_schema(summary="A sale"))
class OneSale(AccountRows[Sale], generics.RetrieveAPIView[Sale]):
    queryset = Sale.objects.all()
    serializer_class = SaleSerializer
    entry_class = PurchaseSerializer

    @extend_schema(
        summary="Change a purchase that was entered by hand, or assign a sale",
        description="Of a deal's sale only `targetologist_id` can be changed; null routes it again.",
        request=PurchaseSerializer,
        responses=SaleSerializer,
    )
    def patch(self, request: Request, pk: int) -> Response:
        sale = self.get_object()
        if sale.is_manual:
            entry = self.entry_class(sale, data=request.data, partial=True, context=self.get_serializer_context())
            entry.is_valid(raise_exception=True)
            entry.save()
        else:
            self._assign(sale, request)
        return self.retrieve(request, pk=pk)

    def _assign(self, sale: Sale, request: Request) -> None:
        entry = AssignmentSerializer(data=request.data, context=self.get_serializer_context())
        if isinstance(request.data, dict) and set(request.data) - {"targetologist_id", "userAccountId"}:
            raise exceptions.ValidationError(_("This sale follows its deal; only targetologist_id can be changed."))
        entry.is_valid(raise_exception=True)
        chosen = entry.validated_data["targetologist_id"]
        person = account_rows(Targetologist, request).get(pk=chosen) if chosen is not None else None
        sales_assign(account_of(request), [sale.pk], person)


class AmountSerializer(serializers.Serializer[Any]):
    currency = serializers.CharField()
    amount = serializers.DecimalField(max_digits=20, decimal_places=2)


class PeriodSerializer(serializers.Serializer[Any]):
    sales = serializers.IntegerField()
    amounts = AmountSerializer(many=True)


class TargetologistSalesSerializer(serializers.Serializer[Any]):
    """Paid sales from today, from Monday and from the first of the month on; the last ones whatever their status."""

    targetologist_id = serializers.IntegerField()
    targetologist = serializers.CharField()
    day = PeriodSerializer()
    week = PeriodSerializer()
    month = PeriodSerializer()
    last = SaleSerializer(many=True)


class TargetologistSales(APIView):
    @extend_schema(summary="A targetologist's sales", responses=TargetologistSalesSerializer)
    def get(self, request: Request, pk: int) -> Response:
        person = account_row(Targetologist, request, pk)
        sales = account_rows(Sale, request).filter(targetologist=person)
        answer: dict[str, Any] = {"targetologist_id": person.pk, "targetologist": person.name}
        for period in periods(sales, account_of(request)):
            amounts = [{"currency": currency, "amount": str(sum_)} for currency, sum_ in period.amounts.items()]
            answer[period.name] = {"sales": period.sales, "amounts": amounts}
        last = with_names(sales).order_by("-sold_at", "-id")[:LAST_SALES]
        answer["last"] = SaleSerializer(last, many=True, context={"request": request}).data
        return Response(answer)
