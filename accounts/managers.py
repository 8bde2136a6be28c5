"""Querysets and managers of accounts: the questions that other rooms may ask of its tables."""

from datetime import timedelta

from django.conf import settings
from django.contrib.auth.base_user import BaseUserManager
from django.db import models, transaction
from django.utils import timezone

from mumaris.text import sign_in_name

# How long the code of a change of address can be asked for and typed.
EMAIL_CHANGE_LIFETIME = timedelta(hours=24)
# How long the former address can undo a change, and is kept for its account.
UNDO_LIFETIME = timedelta(days=10)
# How long an account knows a device that is not used.
DEVICE_MEMORY = timedelta(days=400)
# How long a second person may confirm what staff have asked for.
CASE_LIFETIME = timedelta(hours=72)


class UserManager(BaseUserManager):
    def create_user(self, email: str, password: str | None = None, **fields):
        """Create a user with a usable sign-in name. ``password`` may be None: then only a reset opens the door."""
        user = self.model(email=sign_in_name(email), **fields)
        user.set_password(password)
        with transaction.atomic():
            user.save(using=self._db)
            user.sign_in_names.create(value=user.email)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields):
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class StaffCaseQuerySet(models.QuerySet):
    def asked(self):
        """Those that wait for a second person."""
        return self.filter(state="asked", asked_at__gt=timezone.now() - CASE_LIFETIME)

    def overdue(self):
        return self.filter(state="asked", asked_at__lte=timezone.now() - CASE_LIFETIME)


class PendingRegistrationQuerySet(models.QuerySet):
    def alive(self):
        return self.filter(updated_at__gt=timezone.now() - settings.PENDING_REGISTRATION_LIFETIME)

    def expired(self, now):
        return self.filter(updated_at__lte=now - settings.PENDING_REGISTRATION_LIFETIME)

    def newest_of_address(self, address: str):
        return self.alive().filter(address=address).order_by("-updated_at").first()

    def of_visitor(self, visitor: str):
        """The newest registration of a visitor is the one that counts."""
        return self.alive().filter(visitor=visitor).order_by("-updated_at").first()


class EmailChangeQuerySet(models.QuerySet):
    def uncompleted(self):
        return self.filter(completed_at=None, cancelled_at=None)

    def unfinished(self):
        """Those that wait for their user's code; what staff ask for waits for a second member of staff."""
        return self.uncompleted().filter(asked_by_staff=False)

    def open(self):
        """Those whose code can still be typed."""
        return self.unfinished().filter(requested_at__gt=timezone.now() - EMAIL_CHANGE_LIFETIME)

    def forgotten(self, now):
        return self.unfinished().filter(requested_at__lte=now - EMAIL_CHANGE_LIFETIME)

    def undoable_of(self, user):
        """Completed changes of a user that their former addresses can still undo."""
        completed = self.filter(user=user, completed_at__isnull=False, undone_at=None)
        return completed.filter(undo_until__gt=timezone.now())

    def over(self, now):
        return self.filter(undo_until__lte=now)

    def reserving(self, address: str):
        """Completed changes that keep their former address until nobody can bring it back any more."""
        kept = self.filter(old_address=address, completed_at__isnull=False, undone_at=None)
        return kept.filter(undo_until__gt=timezone.now())


class KnownDeviceQuerySet(models.QuerySet):
    def known(self):
        return self.filter(revoked_at=None)

    def unused(self, now):
        return self.filter(last_seen_at__lt=now - DEVICE_MEMORY)
