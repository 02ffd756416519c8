"""Without two indexes by which nobody looks; each authorisation wrote to them, wherever its account stood."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.drop_index("postings_by_account", "postings")
    op.drop_index("transfers_by_auth", "transfers")
