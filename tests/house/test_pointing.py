"""A row in every table that points at an entry, by foreign key or Ref; then the entry goes, and they with it."""

from collections import Counter
from datetime import timedelta
from uuid import UUID

import pytest
from django.apps import apps
from django.db import models
from django.utils import timezone

from journal.actions.drafts import save_draft
from journal.actions.imports import Settings, begin_import, begin_upload, confirm_import, put_part
from journal.actions.portraits import ask_for_portrait
from journal.actions.recordings import Segment, begin_recording, finish_recording, put_chunk
from journal.actions.replies import ask_for_reply
from journal.actions.speech import ask_for_speech
from journal.actions.trash import TRASH_LIFE, purge, trash_node
from journal.models.nodes import Node
from journal.models.recordings import Recording
from journal.quoting import quote_marker
from tests.events_drain import drain
from tests.factories import befriend, entry, person, zipped

pytestmark = pytest.mark.django_db
