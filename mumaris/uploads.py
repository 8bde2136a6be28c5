"""How much of a file is taken in: whole in memory, so that none is left on a disk, and never without end."""

import io

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import InMemoryUploadedFile
from django.core.files.uploadhandler import FileUploadHandler

MAX_FILE = 6 * 1024 * 1024
# Three files and the fields; more is answered by the 400 page.
MAX_REQUEST = 3 * MAX_FILE + 512 * 1024
# A browser shows the answer only when somebody has read what it sent: so much is read and thrown away.
MAX_THROWN_AWAY = 64 * 1024 * 1024


def throw_away(stream):
    for _ in range(MAX_THROWN_AWAY // FileUploadHandler.chunk_size):
        if not stream.read(FileUploadHandler.chunk_size):
            return


class BoundedUpload(FileUploadHandler):
    """Keeps files up to MAX_FILE for a person who is signed in; of a larger one only the size, of a visitor's nothing.

    The field then says that the file is too large, beside the rest of the form.
    """

    def handle_raw_input(self, input_data, META, content_length, boundary, encoding=None):  # noqa: N803  (Django's)
        if content_length > MAX_REQUEST:
            throw_away(input_data)
            raise RequestDataTooBig(f"Request body exceeded {MAX_REQUEST} bytes.")

    def new_file(self, *args, **kwargs):
        super().new_file(*args, **kwargs)
        # Asked here, so that a form without a file costs a visitor no look at the session.
        user = getattr(self.request, "user", None)
        self.is_wanted = bool(user and user.is_authenticated)
        self.content = io.BytesIO()

    def receive_data_chunk(self, raw_data, start):
        if not self.is_wanted:
            return
        if start + len(raw_data) > MAX_FILE:
            self.content = io.BytesIO()  # let go of what came so far
        else:
            self.content.write(raw_data)

    def file_complete(self, file_size):
        if not self.is_wanted:
            return None
        self.content.seek(0)
        return InMemoryUploadedFile(
            file=self.content,
            field_name=self.field_name,
            name=self.file_name,
            content_type=self.content_type,
            size=file_size,
            charset=self.charset,
            content_type_extra=self.content_type_extra,
        )

    def upload_interrupted(self):
        self.content = io.BytesIO()
