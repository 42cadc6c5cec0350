"""Other people's admin pages in our theme, for those who run the installation: schedule, groups, sign-ins."""

from __future__ import annotations

from typing import Any

from axes.admin import AccessAttemptAdmin, AccessFailureLogAdmin, AccessLogAdmin
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django_celery_beat import admin as beat_admin
from django_celery_beat import models as beat
from unfold.admin import ModelAdmin, TabularInline
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from leads.admin.base import SuperuserOnly
from leads.admin.looks import EMPTY

_SCHEDULES = (beat.IntervalSchedule, beat.CrontabSchedule, beat.SolarSchedule, beat.ClockedSchedule)
_SIGN_INS: tuple[tuple[Any, Any], ...] = (
    (AccessAttempt, AccessAttemptAdmin),
    (AccessFailureLog, AccessFailureLogAdmin),
    (AccessLog, AccessLogAdmin),
)

admin.site.empty_value_display = EMPTY
admin.site.index_title = _("Today")  # lazy, so that each visitor reads it in their language
admin.site.unregister([Group, beat.PeriodicTask, *_SCHEDULES, *(model for model, _page in _SIGN_INS)])


@admin.register(Group)
class ThemedGroupAdmin(SuperuserOnly, GroupAdmin, ModelAdmin):
    pass


class TaskSelect(UnfoldAdminSelectWidget, beat_admin.TaskSelectWidget):
    pass


class ThemedTaskForm(beat_admin.PeriodicTaskForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = TaskSelect()

    def clean(self) -> Any:
        # Theirs looks a name up that is not there when the field has refused it.
        return self.cleaned_data if "task" in self.errors else super().clean()


@admin.register(beat.PeriodicTask)
class ThemedTaskAdmin(SuperuserOnly, beat_admin.PeriodicTaskAdmin, ModelAdmin):
    form = ThemedTaskForm
    date_hierarchy = None


class ThemedTaskInline(SuperuserOnly, beat_admin.PeriodicTaskInline, TabularInline):
    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(*_SCHEDULES)
class ThemedScheduleAdmin(SuperuserOnly, ModelAdmin):
    inlines = (ThemedTaskInline,)


class SignInsAdmin(SuperuserOnly, ModelAdmin):
    date_hierarchy = None

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _register_sign_ins() -> None:
    for model, page in _SIGN_INS:
        themed = type(f"Themed{page.__name__}", (SignInsAdmin, page), {})
        admin.site.register(model, themed)


_register_sign_ins()
