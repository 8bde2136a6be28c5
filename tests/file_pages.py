"""Two pages for the tests of files, beside those of the portal: one takes a file in, one hands it out."""

from django import forms
from django.conf.urls.i18n import i18n_patterns
from django.http import HttpResponse, JsonResponse
from django.template import engines
from django.urls import path

from mumaris import urls
from profiles.file_fields import UploadField
from profiles.files import serve_file

PAGE = """{% extends "base.html" %}{% block content %}<div class="col-s stack-l"><h1>Files</h1>
{% include "forms/errors.html" %}
<form method="post" class="card" enctype="multipart/form-data" novalidate>{% csrf_token %}
{% for field in form %}{{ field.as_field_group }}{% endfor %}
<div class="actions"><button class="btn">Next</button></div>
</form></div>{% endblock %}"""


class EvidenceForm(forms.Form):
    note = forms.CharField(required=False)
    evidence = UploadField(kind="evidence")
    photo = UploadField(kind="photo", required=False)


def send(request):
    form = EvidenceForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        names = ("evidence", "photo")
        return JsonResponse({name: (file := form.cleaned_data[name]) and file.content_type for name in names})
    return HttpResponse(engines["django"].from_string(PAGE).render({"form": form}, request))


def show(request, key, kind="evidence"):
    return serve_file(request, key, kind=kind)


urlpatterns = [
    *urls.urlpatterns,
    *i18n_patterns(path("send/", send, name="send"), path("show/<path:key>", show, name="show")),
]
handler400, handler403, handler404, handler500 = urls.handler400, urls.handler403, urls.handler404, urls.handler500
