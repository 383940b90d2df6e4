from journal.actions.nodes import genre_of, words_in
from journal.models.nodes import Node
from journal.quoting import tags_in
from writeorperish.privacy.reading import source

source(
    Node,
    text=lambda node: node.body or "",
    title=lambda node: node.title,
    at=lambda node: node.written_at,
    genre=genre_of,
    labels=lambda node: [f"#{tag}" for tag in tags_in(node.body or "")],
    earlier=words_in,
    readable=lambda node: node.state == Node.State.WHOLE and node.body is not None,
)
