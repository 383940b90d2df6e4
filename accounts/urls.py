from django.urls import path

from accounts.views import ai, learned, live, public, settings

app_name = "accounts"

urlpatterns = [
    path("", public.landing, name="landing"),
    path("promise/", public.promise, name="promise"),
    path("waiting/", public.waiting, name="waiting"),
    path("accounts/signed-in/", public.signed_in, name="signed-in"),
    path("live/jobs/<uuid:job_id>/", live.job, name="live-job"),
    path("settings/", settings.index, name="settings"),
    path("settings/account/", settings.account, name="account"),
    path("settings/appearance/", settings.appearance, name="appearance"),
    path("settings/privacy/", settings.privacy, name="privacy"),
    path("settings/ai/", ai.ai, name="ai"),
    path("settings/ai/calls/<uuid:call_id>/", ai.call, name="ai-call"),
    path("settings/learned/", learned.learned, name="learned"),
    path("settings/learned/forgetting/", learned.forget_all, name="forget-learned"),
    path("settings/learned/<uuid:taste_id>/forgetting/", learned.forget, name="forget-taste"),
    path("settings/activity/", settings.activity, name="activity"),
    path("settings/tokens/", settings.tokens, name="tokens"),
    path("settings/tokens/<uuid:family_id>/ending/", settings.end_token, name="end-token"),
    path("settings/export/", settings.export, name="export"),
    path("settings/export/<uuid:export_id>/file/", settings.export_file, name="export-file"),
]
