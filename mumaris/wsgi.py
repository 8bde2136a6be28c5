import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mumaris.settings")
application = get_wsgi_application()

from mumaris.checks import stop_unsafe_start  # noqa: E402  (needs the applications that the line above loads)

stop_unsafe_start()
