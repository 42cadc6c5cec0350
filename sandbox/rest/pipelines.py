"""`/api/v4/leads/pipelines`, `/leads/loss_reasons`."""

from __future__ import annotations

from sandbox.crm.models import Pipeline
from sandbox.web.messages import Response

from .call import Call, nothing, ok
from .problems import ApiError
from .shapes import pipeline_shape, stage_shape


def list_pipelines(call: Call) -> Response:
    """GET /leads/pipelines: all of them, unpaged."""
    rows = [pipeline_shape(call, pipeline) for pipeline in call.account.pipelines.by_id.values()]
    links = call.self_link("leads/pipelines")
    return ok({"_total_items": len(rows), "_links": links, "_embedded": {"pipelines": rows}})


def read_pipeline(call: Call, pipeline_id: int) -> Response:
    """GET /leads/pipelines/{id}."""
    return ok(pipeline_shape(call, _pipeline(call, pipeline_id)))


def list_statuses(call: Call, pipeline_id: int) -> Response:
    """GET /leads/pipelines/{id}/statuses."""
    pipeline = _pipeline(call, pipeline_id)
    rows = [stage_shape(call, pipeline, stage) for stage in pipeline.stages]
    links = call.self_link(f"leads/pipelines/{pipeline_id}/statuses")
    return ok({"_total_items": len(rows), "_links": links, "_embedded": {"statuses": rows}})


def read_status(call: Call, pipeline_id: int, status_id: int) -> Response:
    """GET /leads/pipelines/{id}/statuses/{id}."""
    pipeline = _pipeline(call, pipeline_id)
    for stage in pipeline.stages:
        if stage.id == status_id:
            return ok(stage_shape(call, pipeline, stage))
    return nothing()


def list_loss_reasons(call: Call) -> Response:
    """GET /leads/loss_reasons."""
    rows = [
        {
            "id": reason.id, "name": reason.name, "sort": reason.sort, "created_at": reason.created_at,
            "updated_at": reason.created_at, "_links": call.self_link(f"leads/loss_reasons/{reason.id}"),
        }
        for reason in call.account.loss_reasons.values()
    ]  # fmt: skip
    links = call.self_link("leads/loss_reasons")
    return ok({"_total_items": len(rows), "_links": links, "_embedded": {"loss_reasons": rows}})


def _pipeline(call: Call, pipeline_id: int) -> Pipeline:
    pipeline = call.account.pipelines.by_id.get(pipeline_id)
    if pipeline is None:
        raise ApiError(404, "Pipeline not found")
    return pipeline
