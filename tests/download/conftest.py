import pytest


@pytest.fixture
def no_encoder(settings, tmp_path):
    """Texts get no vectors: where search by meaning is not the point, making them takes most of the time."""
    settings.EMBEDDING_MODEL_DIR = str(tmp_path)
