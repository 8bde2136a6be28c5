"""allauth's own URL names, on the paths of the contract. Routes of allauth that are not here answer 404."""

from allauth.account import views as allauth_views
from django.urls import path, re_path

from accounts import (
    captcha_views,
    email_views,
    history_views,
    mfa_views,
    privacy_views,
    proof_views,
    reset_views,
    session_views,
    views,
)  # fmt: skip

urlpatterns = [
    path("declaration/", views.declaration, name="account_declaration"),
    path("signup/", views.signup, name="account_signup"),
    path("confirm-email/", views.code, name="account_email_verification_sent"),
    path("login/", views.SignInView.as_view(), name="account_login"),
    path("logout/", allauth_views.logout, name="account_logout"),
    path("inactive/", allauth_views.account_inactive, name="account_inactive"),
    path("reauthenticate/", allauth_views.reauthenticate, name="account_reauthenticate"),
    path("activity/", history_views.activity, name="account_activity"),
    path("privacy/", privacy_views.privacy, name="account_privacy"),
    path("privacy/data/", privacy_views.show_data, name="account_own_data"),
    path("privacy/data.json", privacy_views.download_data, name="account_own_data_file"),
    path("email/", email_views.email, name="account_email"),
    path("email/code/", email_views.email_code, name="account_email_code"),
    re_path(r"^email/undo/(?P<token>[0-9a-z-]+)/$", email_views.email_undo, name="account_email_undo"),
    path("password/change/", allauth_views.password_change, name="account_change_password"),
    path("password/reset/", reset_views.forgot, name="account_reset_password"),
    path("password/reset/done/", reset_views.forgot_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uid>[0-9a-z]+)-(?P<key>[0-9a-z-]+)/$",
        reset_views.new_password,
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/key/done/",
        reset_views.new_password_done,
        name="account_reset_password_from_key_done",
    ),
    path("sessions/", session_views.sessions, name="account_sessions"),
    path("session/keep/", session_views.keep_session, name="account_session_keep"),
    path("2fa/", mfa_views.index, name="mfa_index"),
    path("2fa/authenticate/", proof_views.authenticate, name="mfa_authenticate"),
    path("2fa/reauthenticate/", proof_views.reauthenticate, name="mfa_reauthenticate"),
    path("2fa/totp/activate/", mfa_views.add_app, name="mfa_activate_totp"),
    path("2fa/totp/deactivate/", mfa_views.remove_app, name="mfa_deactivate_totp"),
    path("2fa/recovery-codes/", mfa_views.codes, name="mfa_view_recovery_codes"),
    path("2fa/recovery-codes/generate/", mfa_views.make_codes, name="mfa_generate_recovery_codes"),
    path("2fa/recovery-codes/download/", mfa_views.download_codes, name="mfa_download_recovery_codes"),
    path("2fa/webauthn/", mfa_views.list_passkeys, name="mfa_list_webauthn"),
    path("2fa/webauthn/add/", mfa_views.add_passkey, name="mfa_add_webauthn"),
    path("2fa/webauthn/reauthenticate/", proof_views.reauthenticate_passkey, name="mfa_reauthenticate_webauthn"),
    path("2fa/webauthn/login/", proof_views.login_passkey, name="mfa_login_webauthn"),
    path("2fa/webauthn/keys/<int:pk>/remove/", mfa_views.remove_passkey, name="mfa_remove_webauthn"),
    path("2fa/webauthn/keys/<int:pk>/edit/", mfa_views.rename_passkey, name="mfa_edit_webauthn"),
    path("captcha/<str:token>.png", captcha_views.picture, name="account_captcha_picture"),
    path("captcha/<str:token>.wav", captcha_views.sound, name="account_captcha_sound"),
]
