"""Accounts for staff: look up, send a reset mail, ask for a case, give roles, close a double account."""

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.forms import CheckboxSelectMultiple, ModelMultipleChoiceField
from django.http import Http404, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts import cases, closing
from accounts.email_change import AddressTaken
from accounts.freshness import fresh_required, fresh_to_post
from accounts.masking import MaskedAdmin, show_address
from accounts.models import StaffCase, User
from accounts.password_reset import request_reset
from accounts.rights import read_rights, record_rights
from accounts.session_list import end_every_session
from accounts.staff_forms import CASE_FORMS, DoubleAccountForm
from mumaris.admin import is_row_id
from mumaris.text import canonical_address, mask_address

Kind = StaffCase.Kind
ASK, SEND_RESET, CLOSE = "accounts.ask_staffcase", "accounts.send_reset_mail", "accounts.close_double_account"
ROLE_NAMES = {
    "support": _("Support"),
    "reviewer": _("Reviewer"),
    "senior reviewer": _("Senior reviewer"),
    "administrator": _("Administrator"),
}
CASE_PAGES = {
    Kind.CHANGE_EMAIL: (
        _("Ask for a change of email address"),
        _("For somebody who can no longer read the account's mailbox. Nothing changes before a second person agrees."),
    ),
    Kind.CLEAR_MFA: (
        _("Ask for removal of two-step sign-in"),
        _("For somebody who has lost the device and recovery codes. Nothing changes before a second person agrees."),
    ),
}  # fmt: skip
TOLD = _("The owner is told at every address of the account, the former one too.")
ASK_REFUSALS = {
    cases.OwnCase: _(
        "You cannot ask for this on your own account, or on that of whoever gave you rights in the last 7 days."
    ),
    cases.AccountUnfit: _("This cannot be done for a disabled account or for the account of a superuser."),
    cases.CaseOpen: _("This was asked for already and waits for a second person."),
    AddressTaken: _("This email address has an account or is kept for one. Ask for another address."),
}
CLOSE_REFUSALS = {
    closing.SameAccount: _("This is the same account."),
    closing.OwnAccount: _(
        "You cannot do this with your own account, or with that of whoever gave you rights in the last 7 days."
    ),
    closing.AccountUnfit: _("Both accounts must be active, and the closed one must have no rights of staff."),
}


class RoleField(ModelMultipleChoiceField):
    def label_from_instance(self, obj):
        return ROLE_NAMES.get(obj.name, obj.name)


@admin.register(User)
@method_decorator(fresh_to_post, "changelist_view")
@method_decorator(fresh_to_post, "changeform_view")
class UserAdmin(MaskedAdmin):
    list_display = ["email", "first_name", "last_name", "language", "is_active", "is_staff", "date_joined"]
    list_filter = ["is_active", "is_staff", "language"]
    searched = {"email": canonical_address}
    ordering = ["-pk"]
    fields = [
        "email", "first_name", "last_name", "language", "is_active", "is_staff", "is_superuser", "groups",
        "date_joined", "last_login",
    ]  # fmt: skip
    # The address is changed by its owner, who proves the new mailbox, or by a case of two people.
    readonly_fields = ["email", "first_name", "last_name", "language", "date_joined", "last_login"]
    actions = ["send_reset_mail", "sign_out"]
    change_form_template = "admin/accounts/user/change_form.html"

    def mask(self, row):
        row.email = mask_address(row.email)

    # --- Who may what -------------------------------------------------------------------------

    def has_add_permission(self, request):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        # Nobody but a superuser touches a superuser.
        is_reachable = obj is None or not obj.is_superuser or request.user.is_superuser
        return is_reachable and super().has_change_permission(request, obj)

    def get_readonly_fields(self, request, obj=None):
        if obj is not None and obj.pk == request.user.pk:
            # Nobody gives or takes their own rights.
            return [*self.readonly_fields, "is_active", "is_staff", "is_superuser", "groups"]
        return [*self.readonly_fields, *([] if request.user.is_superuser else ["is_superuser"])]

    def formfield_for_manytomany(self, db_field, request, **kwargs):
        # Without Django's help text: each box would point to an id that the page does not hold.
        kwargs |= {"form_class": RoleField, "widget": CheckboxSelectMultiple, "help_text": ""}
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def render_change_form(self, request, context, *args, obj=None, **kwargs):
        is_other = obj is not None and obj.pk != request.user.pk and obj.is_active
        context["may_ask"] = is_other and not obj.is_superuser and request.user.has_perm(ASK)
        context["may_close"] = is_other and not obj.is_staff and request.user.has_perm(CLOSE)
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    # --- Rights -------------------------------------------------------------------------------

    def save_model(self, request, obj, form, change):
        """Write what the form has changed and no more, on the locked row: its owner may be changing the password."""
        locked = User.objects.select_for_update().get(pk=obj.pk)
        if not self.has_change_permission(request, locked):
            raise PermissionDenied
        form.rights_before = read_rights(obj.pk)
        obj.save(update_fields=sorted({"is_active", "is_staff", "is_superuser"} & set(form.changed_data)))

    def save_related(self, request, form, formsets, change):
        # In the transaction that the page has open, which holds the row.
        if "groups" in form.changed_data:
            super().save_related(request, form, formsets, change)
        record_rights(form.instance, before=form.rights_before)

    # --- Reset mails --------------------------------------------------------------------------

    def has_reset_permission(self, request):
        return request.user.has_perm(SEND_RESET)

    @admin.action(description=_("Send a mail to reset the password"), permissions=["reset"])
    def send_reset_mail(self, request, queryset):
        ticked = self.ticked(request, queryset).filter(is_active=True)
        queued = sum(request_reset(user.email, asked_by="staff") for user in ticked)
        text = ngettext(
            "A reset mail is on its way to %(count)d user.",
            "Reset mails are on their way to %(count)d users.",
            queued,
        )
        self.message_user(request, text % {"count": queued}, messages.SUCCESS if queued else messages.WARNING)

    # --- Sessions -----------------------------------------------------------------------------

    @admin.action(description=_("Sign out of all devices"), permissions=["change"])
    def sign_out(self, request, queryset):
        others = self.ticked(request, queryset).exclude(pk=request.user.pk)
        reached = [user for user in others if self.has_change_permission(request, user)]
        for user in reached:
            end_every_session(user=user, by=request.user)
        text = ngettext(
            "%(count)d user was signed out of all devices.", "%(count)d users were signed out of all devices.",
            len(reached),
        )  # fmt: skip
        self.message_user(request, text % {"count": len(reached)}, messages.SUCCESS if reached else messages.WARNING)

    # --- Acts on one account ------------------------------------------------------------------

    def get_urls(self):
        ask, close = self.admin_site.admin_view(self.ask), self.admin_site.admin_view(self.close)
        return [
            path("<str:object_id>/ask/<slug:kind>/", ask, name="accounts_user_ask"),
            path("<str:object_id>/close/", close, name="accounts_user_close"),
            *super().get_urls(),
        ]

    def find_account(self, request, object_id: str, permission: str) -> User:
        """Return the account as it is stored. Raises PermissionDenied or Http404."""
        if not request.user.has_perm(permission) or not self.has_view_permission(request):
            raise PermissionDenied
        user = User.objects.filter(pk=object_id).first() if is_row_id(object_id) else None
        if user is None:
            raise Http404
        return user

    def ask(self, request, object_id, kind):
        user = self.find_account(request, object_id, ASK)
        if kind not in CASE_FORMS:
            raise Http404
        return fresh_to_post(self.ask_case)(request, user, kind)

    def ask_case(self, request, user, kind):
        """Ask for what a second person confirms."""
        form = CASE_FORMS[kind](request.POST if request.method == "POST" else None)
        if form.is_valid():
            try:
                cases.ask_case(user=user, asked_by=request.user, kind=kind, **form.cleaned_data)
            except tuple(ASK_REFUSALS) as refusal:
                form.add_error(None, ASK_REFUSALS[type(refusal)])
            else:
                messages.success(request, _("This waits for a second person now. The owner is told."))
                return HttpResponseRedirect(reverse("admin:accounts_user_change", args=[user.pk]))
        title, lede = CASE_PAGES[kind]
        return self.show_act(request, user, form, title=title, lede=[lede, TOLD], button=_("Ask a second person"))

    def close(self, request, object_id):
        user = self.find_account(request, object_id, CLOSE)
        return fresh_required(self.close_double)(request, user)

    def close_double(self, request, user):
        """Show what closing this account does, then do it."""
        form = DoubleAccountForm(request.POST if request.method == "POST" else None)
        kept = form.cleaned_data["kept"] if form.is_valid() else None
        try:
            if kept:
                closing.check_double(kept=kept, closed=user, by=request.user)
            if kept and request.POST.get("action") == "close":
                reason = form.cleaned_data["reason"]
                closing.close_double_account(kept=kept, closed=user, by=request.user, reason=reason)
                messages.success(request, _("The account was closed. Its owner is told at both addresses."))
                return HttpResponseRedirect(reverse("admin:accounts_user_change", args=[kept.pk]))
        except tuple(CLOSE_REFUSALS) as refusal:
            form.add_error(None, CLOSE_REFUSALS[type(refusal)])
            kept = None
        lede = [_("For one person with two accounts. This account is closed, and the other one stays.")]
        preview = closing.foresee_closing(kept=kept, closed=user) if kept else []
        return self.show_act(
            request, user, form, title=_("Close a double account"), lede=lede, preview=preview, kept=kept,
            button=_("Show what will happen"),
        )  # fmt: skip

    def show_act(self, request, user, form, **context):
        context |= {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "account": user,
            "address": show_address(user.email, request.user),
            "form": form,
        }
        return TemplateResponse(request, "admin/accounts/user/act.html", context)
