"""People at their journals, all day long, against a site that runs: `make run`, then `make load`.

They sign in as the demo's people, so the site must have planted them.
"""

import random
from uuid import uuid4

from locust import HttpUser, between, task

PEOPLE = ("alice", "bob", "charlie", "mallory")
PASSWORD = "write-or-perish"
WORDS = [
    "piano",
    "rain",
    "kettle",
    "stairs",
    "letter",
    "garden",
    "window",
    "bread",
    "river",
    "lamp",
]


class Writer(HttpUser):
    """Reads far more than they write, as people do."""

    wait_time = between(0.5, 2)

    def on_start(self) -> None:
        email = f"{random.choice(PEOPLE)}@example.org"
        answer = self.client.post("/api/v1/me/tokens/", json={"email": email, "password": PASSWORD})
        answer.raise_for_status()
        self.client.headers["Authorization"] = f"Bearer {answer.json()['access']}"
        self.entries: list[str] = []

    @task(6)
    def read_the_log(self) -> None:
        found = self.client.get("/api/v1/journal/nodes/?limit=20").json()["results"]
        self.entries = [each["id"] for each in found]

    @task(4)
    def open_an_entry(self) -> None:
        if self.entries:
            address = f"/api/v1/journal/nodes/{random.choice(self.entries)}/thread/"
            self.client.get(address, name="/api/v1/journal/nodes/<id>/thread/")

    @task(3)
    def save_a_draft_and_the_entry(self) -> None:
        ident, text = str(uuid4()), " ".join(random.choices(WORDS, k=120))
        draft = {"title": "", "text": text[:300], "seq": 1}
        self.client.put(
            f"/api/v1/journal/drafts/{ident}/", json=draft, name="/api/v1/journal/drafts/<id>/"
        )
        self.client.post("/api/v1/journal/nodes/", json={"id": ident, "text": text})

    @task(2)
    def search(self) -> None:
        self.client.get(
            "/api/v1/download/search/", params={"q": random.choice(WORDS)}, name="/search/"
        )
