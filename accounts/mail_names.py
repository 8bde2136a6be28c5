"""What staff call each kind of mail about an account."""

from django.utils.translation import gettext_lazy as _

from mumaris.mail.kinds import name_kinds

name_kinds(
    {
        "registration_code": _("Registration code"),
        "welcome": _("Welcome"),
        "password_reset": _("Link to reset the password"),
        "password_changed": _("Password changed"),
        "new_device": _("Sign-in from a new device"),
        "sign_in_disowned": _("Sign-in that its owner disowned"),
        "second_step_changed": _("Two-step sign-in"),
        "email_change_code": _("Code for a new email address"),
        "email_change_warning": _("Change of the email address asked for"),
        "email_changed": _("Email address changed"),
        "email_change_undone": _("Former email address brought back"),
        "case_asked": _("Change by support asked for"),
        "case_confirmed": _("Change by support done"),
        "case_refused": _("Change by support refused"),
        "account_merged": _("Double account closed"),
        "erasure_asked": _("Erasure asked for"),
        "erasure_cancelled": _("Erasure cancelled"),
        "erasure_done": _("Account erased"),
        "erasure_refused": _("Erasure refused"),
    }
)
