"""`GET /amocrm/pipelines`, `PATCH /amocrm/pipeline-stages/{id}`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from django.db.models import Count
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from leads.access import account_row, account_rows
from leads.models import Lead, PipelineStage
from leads.qualification import Stage
from leads.services.stages import stage_mark_qualified


class StageSerializer(serializers.ModelSerializer[PipelineStage]):
    """`leads_count`: leads, without deleted ones, that stand in the stage now."""

    leads_count = serializers.SerializerMethodField()

    class Meta:
        model = PipelineStage
        fields = (
            *("id", "status_id", "status_name", "status_color", "sort_order"),
            *("is_qualified_stage", "is_archived", "leads_count"),
        )

    def get_leads_count(self, stage: PipelineStage) -> int:
        counts: Mapping[Stage, int] = self.context["counts"]
        return counts.get((stage.pipeline_id, stage.status_id), 0)


class PipelineSerializer(serializers.Serializer[Any]):
    pipeline_id = serializers.IntegerField()
    pipeline_name = serializers.CharField()
    stages = StageSerializer(many=True)


class PipelinesSerializer(serializers.Serializer[Any]):
    pipelines = PipelineSerializer(many=True)


class StageMarkSerializer(serializers.Serializer[Any]):
    is_qualified_stage = serializers.BooleanField()


class MarkedStageSerializer(StageSerializer):
    """`leads_changed`: leads that became qualified or ceased to be."""

    leads_changed = serializers.SerializerMethodField()

    class Meta(StageSerializer.Meta):
        fields = (*StageSerializer.Meta.fields, "pipeline_id", "pipeline_name", "leads_changed")  # type: ignore[assignment]

    def get_leads_changed(self, stage: PipelineStage) -> int:
        return int(self.context["changed"])


class Pipelines(APIView):
    @extend_schema(summary="Pipelines and their stages", responses=PipelinesSerializer)
    def get(self, request: Request) -> Response:
        stages = account_rows(PipelineStage, request).order_by(
            "pipeline_sort", "pipeline_id", "sort_order", "status_id"
        )
        counts = _leads_standing(request)
        return Response({"pipelines": [_pipeline(group, counts) for _id, group in groupby(stages, _pipeline_id)]})


class OneStage(APIView):
    @extend_schema(
        summary="Mark or unmark a stage as qualified",
        request=StageMarkSerializer,
        responses=MarkedStageSerializer,
    )
    def patch(self, request: Request, pk: int) -> Response:
        stage = account_row(PipelineStage, request, pk)
        wanted = StageMarkSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        changed = stage_mark_qualified(stage, wanted.validated_data["is_qualified_stage"])
        context = {"counts": _leads_standing(request), "changed": changed}
        return Response(MarkedStageSerializer(stage, context=context).data)


def _leads_standing(request: Request) -> dict[Stage, int]:
    """How many leads stand in each (pipeline_id, status_id) now, in one statement."""
    stages = ("current_pipeline_id", "current_status_id")
    standing = account_rows(Lead, request).filter(is_deleted=False, current_status_id__isnull=False)
    counted = standing.order_by().values(*stages).annotate(leads=Count("pk"))
    return {(row[stages[0]], row[stages[1]]): row["leads"] for row in counted}


def _pipeline_id(stage: PipelineStage) -> int:
    return stage.pipeline_id


def _pipeline(stages: Iterable[PipelineStage], counts: Mapping[Stage, int]) -> dict[str, Any]:
    rows = list(stages)
    # A pipeline was renamed when its rows differ: archived ones keep the old name.
    names = [stage.pipeline_name for stage in rows if not stage.is_archived] or [rows[0].pipeline_name]
    return {
        "pipeline_id": rows[0].pipeline_id,
        "pipeline_name": names[0],
        "stages": StageSerializer(rows, many=True, context={"counts": counts}).data,
    }
