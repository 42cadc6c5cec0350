"""`GET /amocrm/pipelines`, `PATCH /amocrm/pipeline-stages/{id}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from leads.access import account_row, account_rows
from leads.models import Lead, PipelineStage
from leads.pipelines import Pipeline, leads_standing, pipelines_in
from leads.qualification import Stage
from leads.services.stages import stage_mark_qualified


class StageSerializer(serializers.ModelSerializer[PipelineStage]):
    """`leads_count`: leads, without deleted ones, that stand in the stage now."""

    leads_count = serializers.SerializerMethodField()

    class Meta:
        model = PipelineStage
        fields: ClassVar[tuple[str, ...]] = (
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
        fields = (*StageSerializer.Meta.fields, "pipeline_id", "pipeline_name", "leads_changed")

    def get_leads_changed(self, stage: PipelineStage) -> int:
        return int(self.context["changed"])


class Pipelines(APIView):
    @extend_schema(summary="Pipelines and their stages", responses=PipelinesSerializer)
    def get(self, request: Request) -> Response:
        pipelines = pipelines_in(account_rows(PipelineStage, request))
        counts = leads_standing(account_rows(Lead, request))
        return Response({"pipelines": [_pipeline(pipeline, counts) for pipeline in pipelines]})


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
        context = {"counts": leads_standing(account_rows(Lead, request)), "changed": changed}
        return Response(MarkedStageSerializer(stage, context=context).data)


def _pipeline(pipeline: Pipeline, counts: Mapping[Stage, int]) -> dict[str, Any]:
    return {
        "pipeline_id": pipeline.pipeline_id,
        "pipeline_name": pipeline.name,
        "stages": StageSerializer(pipeline.stages, many=True, context={"counts": counts}).data,
    }
