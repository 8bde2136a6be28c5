"""allauth's own URL names, on the paths of the contract. Routes of allauth that are not here answer 404."""

from allauth.account import views as allauth_views
from django.urls import path, re_path

from accounts import captcha_views, device_views, email_views, reset_views, views

urlpatterns = [
    path("declaration/", views.declaration, name="account_declaration"),
    path("signup/", views.signup, name="account_signup"),
    path("confirm-email/", views.code, name="account_email_verification_sent"),
    path("login/", views.SignInView.as_view(), name="account_login"),
    path("logout/", allauth_views.logout, name="account_logout"),
    path("inactive/", allauth_views.account_inactive, name="account_inactive"),
    path("reauthenticate/", allauth_views.reauthenticate, name="account_reauthenticate"),
    path("email/", email_views.email, name="account_email"),
    path("email/code/", email_views.email_code, name="account_email_code"),
    re_path(r"^email/undo/(?P<token>[0-9a-z-]+)/$", email_views.email_undo, name="account_email_undo"),
    path("devices/", device_views.devices, name="account_devices"),
    re_path(r"^sessions/not-me/(?P<token>[0-9a-z-]+)/$", device_views.not_me, name="account_not_me"),
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
    path("captcha/<str:token>.png", captcha_views.picture, name="account_captcha_picture"),
    path("captcha/<str:token>.wav", captcha_views.sound, name="account_captcha_sound"),
]
