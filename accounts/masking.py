"""Addresses as staff read them: whole for those who may, masked for support."""

from django.contrib.admin.views.main import ChangeList

from accounts.models import User
from mumaris.admin import PortalModelAdmin
from mumaris.text import mask_address

WHOLE = "accounts.view_whole_address"


def show_address(address: str, viewer: User) -> str:
    return address if viewer.has_perm(WHOLE) else mask_address(address)


class MaskedChangeList(ChangeList):
    def get_results(self, request):
        super().get_results(request)
        self.result_list = list(self.result_list)
        for row in self.result_list:
            self.model_admin.mask(row)


class MaskedAdmin(PortalModelAdmin):
    """Rows whose addresses are masked as they are read, so that no heading or link tells them either.

    A masked row is never saved: whoever sees it so may change nothing.
    """

    def mask(self, row) -> None:
        """Put masked addresses into a row that is only shown."""
        raise NotImplementedError

    def get_object(self, request, object_id, from_field=None):
        found = super().get_object(request, object_id, from_field)
        if found is not None and not request.user.has_perm(WHOLE):
            self.mask(found)
        return found

    def get_changelist(self, request, **kwargs):
        return super().get_changelist(request) if request.user.has_perm(WHOLE) else MaskedChangeList

    def has_change_permission(self, request, obj=None):
        return request.user.has_perm(WHOLE) and super().has_change_permission(request, obj)
