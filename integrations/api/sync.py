"""Syncs over HTTP: starting one (or joining the one under way), watching it, cancelling it."""

from __future__ import annotations

import time
from typing import Any, ClassVar

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.models import SyncGap, SyncRun
from integrations.sync import runs
from integrations.sync.tasks import work_on_sync
from integrations.waking import wake
from leads.access import account_of, account_row, address
from leads.api.errors import Conflict
from leads.api.rows import AccountRows

WAIT_SECONDS = 10.0
LOOK_EVERY = 0.1
DRIFT_SHOWN = 1000


class StartSerializer(serializers.Serializer[Any]):
    full = serializers.BooleanField(default=False)


class DriftSerializer(serializers.ModelSerializer[SyncGap]):
    class Meta:
        model = SyncGap
        fields = ("amocrm_lead_id", "what", "before", "after", "changed_at", "learnt_at", "repaired_by", "told_at")


class StartedSerializer(serializers.ModelSerializer[SyncRun]):
    success = serializers.SerializerMethodField()
    run_id = serializers.IntegerField(source="pk")
    status_url = serializers.SerializerMethodField()

    class Meta:
        model = SyncRun
        fields: ClassVar[tuple[str, ...]] = (
            *("success", "run_id", "state", "total", "updated", "errors", "detail", "status_url"),
        )

    def get_success(self, run: SyncRun) -> bool:
        return run.state == SyncRun.State.DONE

    def get_status_url(self, run: SyncRun) -> str:
        return address(f"/amocrm/sync-runs/{run.pk}", self.context["request"])


class RunRowSerializer(StartedSerializer):
    class Meta(StartedSerializer.Meta):
        fields: ClassVar[tuple[str, ...]] = (
            *("run_id", "kind", "state", "success", "is_full", "total", "updated", "errors", "drift_count"),
            *("api_requests", "progress", "detail", "started_at", "finished_at"),
        )


class RunSerializer(RunRowSerializer):
    drift = serializers.SerializerMethodField()

    class Meta(RunRowSerializer.Meta):
        fields = (*RunRowSerializer.Meta.fields, "drift")

    @extend_schema(responses=DriftSerializer(many=True))
    def get_drift(self, run: SyncRun) -> list[dict[str, Any]]:
        return list(DriftSerializer(run.gaps.order_by("pk")[:DRIFT_SHOWN], many=True).data)


class SyncLeadsView(APIView):
    @extend_schema(
        operation_id="amocrm_sync_leads",
        request=StartSerializer,
        responses={200: StartedSerializer, 202: StartedSerializer},
    )
    def post(self, request: Request) -> Response:
        """Reads what changed in amoCRM, or all of it. Waits up to ten seconds for the end."""
        asked = StartSerializer(data={} if request.data is None else request.data)
        asked.is_valid(raise_exception=True)
        try:
            run = runs.start(account_of(request), full=asked.validated_data["full"])
        except runs.NotConnected as reason:
            raise Conflict(str(reason)) from reason
        wake(work_on_sync, run.pk)
        ends = time.monotonic() + WAIT_SECONDS
        while run.state == SyncRun.State.RUNNING and time.monotonic() < ends:
            time.sleep(LOOK_EVERY)
            run.refresh_from_db()
        answer = StartedSerializer(run, context={"request": request}).data
        return Response(answer, status=202 if run.state == SyncRun.State.RUNNING else 200)


@extend_schema_view(
    get=extend_schema(
        operation_id="amocrm_sync_runs",
        description="Past and present runs, the newest first.",
        responses=RunRowSerializer(many=True),
    )
)
class SyncRunsView(AccountRows[SyncRun], generics.ListAPIView[SyncRun]):
    queryset = SyncRun.objects.all()
    serializer_class = RunRowSerializer


class SyncRunView(APIView):
    @extend_schema(operation_id="amocrm_sync_run", responses=RunSerializer)
    def get(self, request: Request, pk: int) -> Response:
        return Response(RunSerializer(account_row(SyncRun, request, pk)).data)


class CancelSyncRunView(APIView):
    @extend_schema(
        operation_id="amocrm_cancel_sync_run",
        request=None,
        responses=StartedSerializer,
    )
    def post(self, request: Request, pk: int) -> Response:
        """Stops a run before its next page. What it has read stays."""
        run = account_row(SyncRun, request, pk)
        if run.state != SyncRun.State.RUNNING:
            raise Conflict(_("This sync is over."))
        runs.cancel(run)
        run.refresh_from_db()
        return Response(StartedSerializer(run, context={"request": request}).data)
