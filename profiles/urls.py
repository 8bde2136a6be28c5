from django.urls import path

from profiles import claim_views, file_views, references, views  # noqa: F401  (references: <reference:…>)

urlpatterns = [
    path("", views.profile, name="profile"),
    path("claim/", claim_views.claim, name="claim"),
    path("claim/objection/<str:token>/", claim_views.objection, name="claim_objection"),
    path("update/", views.begin, name="update_begin"),
    path("update/<reference:reference>/", views.edit, name="update_edit"),
    path("update/<reference:reference>/check/", views.check, name="update_check"),
    path("requests/", views.list_requests, name="update_requests"),
    path("requests/<reference:reference>/", views.show_request, name="update_request"),
    path("files/<uuid:file_id>/", file_views.member_file, name="member_file"),
]
